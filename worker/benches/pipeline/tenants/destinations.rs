//! Destinations, played: each an HTTP server at a loopback address of its own, which notes what comes and
//! answers 200 at once, or never.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::arrivals::Arrivals;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Running destinations; they and their connections end when this is dropped.
pub(super) struct Destinations {
    pub(super) arrivals: Arc<Arrivals>,
    pub(super) port: u16,
    count: u16,
    hangs: Arc<AtomicBool>,
    _servers: Vec<AbortOnDropHandle<()>>,
}

impl Destinations {
    pub(super) async fn start(count: u16) -> Self {
        let (arrivals, hangs) = (Arc::new(Arrivals::default()), Arc::new(AtomicBool::new(false)));
        let (mut port, mut servers) = (0, Vec::new());
        for index in 0..count {
            let listener = TcpListener::bind((address(index), port)).await.unwrap();
            port = listener.local_addr().unwrap().port();
            let hangs = (index == 0).then(|| Arc::clone(&hangs));
            let server = tokio::spawn(serve(listener, Arc::clone(&arrivals), hangs));
            servers.push(AbortOnDropHandle::new(server));
        }
        Self { arrivals, port, count, hangs, _servers: servers }
    }

    /// From now on the first of them never answers.
    pub(super) fn first_hangs(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        (0..self.count).map(|index| (address(index), self.port).into())
    }

    /// As `DESTINATION_ALLOW` lists them.
    pub(super) fn allowed(&self) -> String {
        format!("127.0.0.0/8:{}", self.port)
    }
}

/// Each is a host to who calls it, with connections of its own.
fn address(index: u16) -> Ipv4Addr {
    let [high, low] = index.to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

async fn serve(listener: TcpListener, arrivals: Arc<Arrivals>, hangs: Option<Arc<AtomicBool>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer(stream, Arc::clone(&arrivals), hangs.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Answers what comes on a connection, one after the other, until it is closed.
async fn answer(
    stream: TcpStream,
    arrivals: Arc<Arrivals>,
    hangs: Option<Arc<AtomicBool>>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            if let Some(("content-length", value)) = line.split_once(':') {
                length = value.trim().parse().unwrap();
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body).await?;
        if hangs.as_ref().is_some_and(|hangs| hangs.load(Ordering::SeqCst)) {
            // Reads on, so that it is seen when the other side gives up.
            let _ = stream.read_u8().await;
            return Ok(());
        }
        arrivals.note(&body);
        stream.write_all(ANSWER).await?;
    }
}
