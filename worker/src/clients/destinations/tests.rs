//! What comes back of a request, with a forward proxy in between.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use reqwest::StatusCode;

use super::*;

/// A proxy that answers everything with this, or is away without.
struct Played {
    address: SocketAddr,
    task: Option<AbortHandle>,
}

impl Played {
    async fn start(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let Some(answer) = answer else {
            return Self { address: ([127, 0, 0, 1], 1).into(), task: None };
        };
        let serving = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = client.read_u8().await else { break };
                    head.push(byte);
                }
                let answer =
                    format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = client.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, task: Some(serving.abort_handle()) }
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.task.iter().for_each(AbortHandle::abort);
    }
}

/// A request through the proxy to an address of this scheme.
async fn send(scheme: &str, proxy: &Played) -> Result<Answered, HandlerError> {
    let metrics = WorkerMetrics::register(&mut shared::metrics::registry("worker"), false);
    let allow = Allow::parse("hooks.acme.example").unwrap();
    let through = format!("http://user:word@{}", proxy.address).parse().unwrap();
    let destinations = Destinations::new(allow, Some(through), metrics).unwrap();
    let outgoing = Outgoing {
        method: &Method::POST,
        url: &format!("{scheme}://hooks.acme.example/hooks").parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeouts: Timeouts::default(),
        secrets: (&[][..]).into(),
    };
    destinations.send(outgoing).await
}

#[tokio::test]
async fn a_proxy_that_gives_no_way_is_named_and_counts_as_a_destination_that_is_down() {
    for (scheme, answer) in [
        ("https", Some("502 Bad Gateway")),
        ("https", Some("407 Proxy Authentication Required")),
        ("https", Some("403 Forbidden")),
        ("https", None),
        ("http", None),
    ] {
        let error = send(scheme, &Played::start(answer).await).await.err().unwrap();
        assert_eq!(error.code, "DESTINATION_PROXY", "{scheme} {answer:?}: {error:?}");
        assert!(error.message.contains("FORWARD_PROXY"), "{error:?}");
        assert!(!error.message.contains("word"), "{error:?}");
        assert!(Service::Destination.is_down(&error) && Service::Destination.is_silent(&error));
    }
}

#[tokio::test]
async fn a_proxy_speaks_for_itself_where_it_says_so() {
    for (answer, is_proxys, is_down) in [
        ("407 Proxy Authentication Required", true, true),
        ("403 Forbidden\r\nproxy-status: p; error=http_request_denied", true, true),
        ("503 Gone\r\nproxy-status: a, b;received-status=1; error=dns_error", true, true),
        // It has passed that on.
        ("403 Forbidden\r\nproxy-status: p; received-status=403", false, false),
        ("200 OK\r\nproxy-status: p; error=none", false, false),
        ("403 Forbidden", false, false),
        ("503 Gone", false, true),
    ] {
        let told = send("http", &Played::start(Some(answer)).await).await.unwrap().answer;
        assert_eq!((told.from_proxy, told.is_down()), (is_proxys, is_down), "{answer}");
    }
}

#[test]
fn in_a_tunnel_each_word_is_the_destinations() {
    let url = "https://hooks.acme.example/".parse().unwrap();
    let status = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
    assert!(!proxied::is_proxys(&url, status, &HeaderMap::new()));
}
