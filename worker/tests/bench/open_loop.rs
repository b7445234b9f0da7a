//! A load whose times are fixed beforehand hides no waiting.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::pipeline::http::post_on_schedule;

/// How long the receiver takes for the first request. All others are due by then.
const HELD: Duration = Duration::from_millis(100);

/// One that answers whatever comes, one after the other, and the first late.
async fn a_receiver() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut byte, mut held) = ([0], HELD);
        while stream.read_exact(&mut byte).await.is_ok() {
            // Not waited for anything: it is what is measured.
            tokio::time::sleep(held).await;
            held = Duration::ZERO;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{}").await.unwrap();
        }
    });
    address
}

/// All are due at once and there is one connection: so each waits for the first. Counted from when they
/// are sent, only that one would be slow.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_for_a_connection_counts_from_when_it_was_due() {
    let requests = vec![b"?".to_vec(); 9];
    let load = post_on_schedule(a_receiver().await, requests, 1, Duration::ZERO).await;
    assert!(load.latency.p50 >= HELD, "{:?}", load.latency);
    assert!(load.latency.max <= load.took, "{:?} of {:?}", load.latency, load.took);
}
