//! Destinations, played: each an HTTP server at a loopback address of its own, which notes what comes and
//! answers 200 at once, or 500 to some records, or never.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::arrivals::{Arrivals, number_after};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const FAILURE: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
/// How a record stands in an event.
const OBJECT: &str = "\"objectId\":";

/// Running destinations; they and their connections end when this is dropped.
pub(super) struct Destinations {
    pub(super) arrivals: Arc<Arrivals>,
    pub(super) port: u16,
    count: u16,
    conduct: Arc<Conduct>,
    _servers: Vec<AbortOnDropHandle<()>>,
}

/// What they do but answer 200.
#[derive(Default)]
struct Conduct {
    /// The first of them never answers.
    first_hangs: AtomicBool,
    /// One record in so many is answered 500; none if it is 0.
    failing: AtomicU64,
}

impl Destinations {
    pub(super) async fn start(count: u16) -> Self {
        let (arrivals, conduct) = (Arc::new(Arrivals::default()), Arc::new(Conduct::default()));
        let (mut port, mut servers) = (0, Vec::new());
        for index in 0..count {
            let listener = TcpListener::bind((address(index), port)).await.unwrap();
            port = listener.local_addr().unwrap().port();
            let one = One {
                is_first: index == 0,
                arrivals: Arc::clone(&arrivals),
                conduct: Arc::clone(&conduct),
            };
            servers.push(AbortOnDropHandle::new(tokio::spawn(one.serve(listener))));
        }
        Self { arrivals, port, count, conduct, _servers: servers }
    }

    /// From now on the first of them never answers.
    pub(super) fn first_hangs(&self) {
        self.conduct.first_hangs.store(true, Ordering::SeqCst);
    }

    /// From now on one record in so many is answered 500.
    pub(super) fn fail_one_in(&self, records: u64) {
        self.conduct.failing.store(records, Ordering::SeqCst);
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

/// One destination.
#[derive(Clone)]
struct One {
    is_first: bool,
    arrivals: Arc<Arrivals>,
    conduct: Arc<Conduct>,
}

impl One {
    async fn serve(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(self.clone().answer(stream));
            while connections.try_join_next().is_some() {}
        }
    }

    /// Answers what comes on a connection, one after the other, until it is closed.
    async fn answer(self, stream: TcpStream) -> std::io::Result<()> {
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
            if self.is_first && self.conduct.first_hangs.load(Ordering::SeqCst) {
                // Reads on, so that it is seen when the other side gives up.
                let _ = stream.read_u8().await;
                return Ok(());
            }
            if self.fails(&body) {
                stream.write_all(FAILURE).await?;
                continue;
            }
            self.arrivals.note(&body);
            stream.write_all(ANSWER).await?;
        }
    }

    /// Whether the record of this event is one of those that fail.
    fn fails(&self, body: &[u8]) -> bool {
        let failing = self.conduct.failing.load(Ordering::SeqCst);
        failing > 0
            && std::str::from_utf8(body)
                .ok()
                .and_then(|body| number_after(body, OBJECT))
                .is_some_and(|object| object.is_multiple_of(failing))
    }
}
