//! Somebody without a signature, and what they do with a connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::delivery::PATH;

/// What a stranger does with a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stranger {
    SaysNothing,
    HalfAHead,
    DripsAHead,
    AsksAndStays,
    AsksAndDrips,
    ChunksToNowhere,
    ChunksUnsigned,
    ChunksForged,
    AnnouncesUnsigned,
    AnnouncesForged,
    DripsForged,
    ChainsForged,
}

impl Stranger {
    pub(super) const ALL: [Self; 12] = [
        Self::SaysNothing,
        Self::HalfAHead,
        Self::DripsAHead,
        Self::AsksAndStays,
        Self::AsksAndDrips,
        Self::ChunksToNowhere,
        Self::ChunksUnsigned,
        Self::ChunksForged,
        Self::AnnouncesUnsigned,
        Self::AnnouncesForged,
        Self::DripsForged,
        Self::ChainsForged,
    ];

    pub(super) fn head(self) -> String {
        let plain = |path: &str, framing: &str| {
            format!(
                "POST {path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n{framing}\r\n"
            )
        };
        // Of the right shape and of now: only the digest can tell.
        let forged = |framing: &str| {
            let now = shared::clock::now_ms();
            let signature = format!("{}=", "A".repeat(43));
            plain(
                PATH,
                &format!(
                    "x-hubspot-signature-v3: {signature}\r\nx-hubspot-request-timestamp: {now}\r\n{framing}"
                ),
            )
        };
        let chunked = "transfer-encoding: chunked\r\n";
        let large = "content-length: 16777216\r\n";
        match self {
            Self::SaysNothing | Self::DripsAHead => String::new(),
            Self::HalfAHead => format!("POST {PATH} HTTP/1.1\r\nhost: h\r\n"),
            Self::AsksAndStays | Self::AsksAndDrips => {
                "GET / HTTP/1.1\r\nhost: h\r\n\r\n".to_owned()
            }
            Self::ChunksToNowhere => plain("/nowhere", chunked),
            Self::ChunksUnsigned => plain(PATH, chunked),
            Self::ChunksForged => forged(chunked),
            Self::AnnouncesUnsigned => plain(PATH, large),
            Self::AnnouncesForged | Self::DripsForged => forged(large),
            Self::ChainsForged => forged("content-length: 1\r\n"),
        }
    }

    /// What it sends after that, and how often.
    fn goes_on(self) -> Option<(Vec<u8>, Duration)> {
        let chunk = || format!("1000\r\n{}\r\n", "x".repeat(0x1000)).into_bytes();
        match self {
            Self::SaysNothing | Self::HalfAHead | Self::AsksAndStays | Self::AnnouncesForged => {
                None
            }
            Self::DripsAHead | Self::AsksAndDrips | Self::DripsForged => {
                Some((b"G".to_vec(), Duration::from_secs(1)))
            }
            // The last byte of one request together with the head of the next.
            Self::ChainsForged => {
                Some((format!("x{}", self.head()).into_bytes(), Duration::from_secs(1)))
            }
            Self::ChunksToNowhere | Self::ChunksUnsigned | Self::ChunksForged => {
                Some((chunk(), Duration::from_millis(1)))
            }
            Self::AnnouncesUnsigned => Some((vec![b' '; 64 * 1024], Duration::from_millis(5))),
        }
    }

    /// Goes on until it is closed.
    pub(super) async fn stay(self, address: SocketAddr) {
        // A refused or broken connection is an end as well.
        let Ok(stream) = TcpStream::connect(address).await else { return };
        let (mut from, mut to) = stream.into_split();
        let sending = async {
            to.write_all(self.head().as_bytes()).await?;
            let Some((more, every)) = self.goes_on() else { std::future::pending().await };
            let mut pace = tokio::time::interval(every);
            loop {
                pace.tick().await;
                to.write_all(&more).await?;
            }
        };
        let closed = async {
            let mut answers = [0; 1024];
            while let Ok(1..) = from.read(&mut answers).await {}
        };
        let broken = async {
            let _: Result<(), std::io::Error> = sending.await;
        };
        tokio::select! { () = closed => {}, () = broken => {} }
    }
}
