//! HTTP by hand, for what no client library sends: bodies that stall, chunks without a length,
//! connections that stay open or leave early.

use std::fmt::Write as _;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;

use crate::delivery::Delivery;

/// One connection.
pub(crate) struct Socket(BufStream<TcpStream>);

/// An answer with its head as text, in lower case.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Socket {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(BufStream::new(TcpStream::connect(address).await.unwrap()))
    }

    /// The head of `delivery`, with `framing` (Content-Length or Transfer-Encoding) added.
    pub(crate) async fn send_head(&mut self, delivery: &Delivery, framing: &str) {
        let mut head = format!("POST {} HTTP/1.1\r\nhost: receiver\r\n", delivery.path_and_query());
        for (name, value) in delivery.headers() {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(head, "{framing}\r\n\r\n").unwrap();
        self.send(head.as_bytes()).await;
    }

    /// The whole of `delivery`.
    pub(crate) async fn send_delivery(&mut self, delivery: &Delivery) {
        self.send_head(delivery, &format!("content-length: {}", delivery.body().len())).await;
        self.send(delivery.body()).await;
    }

    /// The whole of `delivery`, in chunks and without saying its length first.
    pub(crate) async fn send_chunked(&mut self, delivery: &Delivery) {
        self.send_head(delivery, "transfer-encoding: chunked").await;
        for chunk in delivery.body().chunks(700) {
            self.send(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
            self.send(chunk).await;
            self.send(b"\r\n").await;
        }
        self.send(b"0\r\n\r\n").await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    pub(crate) async fn answer(&mut self) -> RawAnswer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let count = self.0.read_line(&mut head).await.unwrap();
            assert!(count > 0, "closed before the end of the answer's head: {head:?}");
        }
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).await.unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        RawAnswer { status, head, body: String::from_utf8(body).unwrap() }
    }

    /// Resolves when the other side has closed without another byte.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = self.0.read_to_end(&mut rest).await;
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}
