//! A database that fails over: what was connected to the server before takes no rows any more.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Barrier;

use super::*;

/// A cluster behind one address. Sessions that began before it failed over lead to a server that only reads.
struct Cluster {
    address: std::net::SocketAddr,
    seen: Arc<Seen>,
}

struct Seen {
    has_failed_over: AtomicBool,
    sessions: AtomicUsize,
    /// Rows that were refused since a session is of the server before.
    refused: AtomicUsize,
    /// So many rows are answered together, while it is set.
    together: Barrier,
    waits: AtomicBool,
}

impl Cluster {
    async fn start(sessions: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen {
            has_failed_over: AtomicBool::new(false),
            sessions: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            together: Barrier::new(sessions),
            waits: AtomicBool::new(true),
        });
        let told = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&told)));
            }
        });
        Self { address, seen }
    }
}

/// One session, as far as a row needs it.
async fn serve(mut client: TcpStream, seen: Arc<Seen>) -> Option<()> {
    seen.sessions.fetch_add(1, Ordering::SeqCst);
    let is_old = !seen.has_failed_over.load(Ordering::SeqCst);
    let length = client.read_u32().await.ok()?;
    client.read_exact(&mut vec![0; usize::try_from(length).ok()? - 4]).await.ok()?;
    say(&mut client, b'R', &0_u32.to_be_bytes()).await?;
    say(&mut client, b'Z', b"I").await?;
    loop {
        let kind = client.read_u8().await.ok()?;
        let length = client.read_u32().await.ok()?;
        client.read_exact(&mut vec![0; usize::try_from(length).ok()? - 4]).await.ok()?;
        match kind {
            // The session's time limit.
            b'Q' => say(&mut client, b'C', b"SET\0").await?,
            b'S' if is_old && seen.has_failed_over.load(Ordering::SeqCst) => {
                seen.refused.fetch_add(1, Ordering::SeqCst);
                let fields =
                    b"SERROR\0C25006\0Mcannot execute INSERT in a read-only transaction\0\0";
                say(&mut client, b'E', fields).await?;
            }
            b'S' => {
                if seen.waits.load(Ordering::SeqCst) {
                    seen.together.wait().await;
                }
                for (kind, body) in [
                    (b'1', &b""[..]),
                    (b't', b"\0\0"),
                    (b'n', b""),
                    (b'2', b""),
                    (b'C', b"INSERT 0 1\0"),
                ] {
                    say(&mut client, kind, body).await?;
                }
            }
            _ => continue,
        }
        say(&mut client, b'Z', b"I").await?;
    }
}

async fn say(client: &mut TcpStream, kind: u8, body: &[u8]) -> Option<()> {
    let length = u32::try_from(body.len() + 4).ok()?;
    let message = [&[kind][..], &length.to_be_bytes(), body].concat();
    client.write_all(&message).await.ok()
}

#[tokio::test]
async fn a_database_that_failed_over_keeps_no_old_connections() {
    let cluster = Cluster::start(3).await;
    let (port, seen) = (cluster.address.port(), &cluster.seen);
    let url = format!("postgres://u:hunter2@localhost:{port}/d?sslmode=disable");
    let database = Database::new(&url.into(), None, 3).unwrap();
    let allow = Allow::parse(&format!("localhost:{port}")).unwrap();
    let metrics = WorkerMetrics::register(&mut Registry::default(), false);
    let databases = Databases::new(Arc::new(allow), metrics);
    let table = Table::parse("t").unwrap();
    let row = Row::of(b"{}", &table, &Identifier::parse("id").unwrap(), "a_b").unwrap();
    let write = async || databases.write(&database, &row, Timeouts::default()).await.unwrap();
    let told = tokio::join!(write(), write(), write());
    assert_eq!((told, seen.sessions.load(Ordering::SeqCst)), ((None, None, None), 3));

    seen.waits.store(false, Ordering::SeqCst);
    seen.has_failed_over.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(write().await, None);
    }
    let refused = seen.refused.load(Ordering::SeqCst);
    assert_eq!(refused, 1, "with the first one that is refused all of them are closed");
    assert_eq!(seen.sessions.load(Ordering::SeqCst), 4);
}
