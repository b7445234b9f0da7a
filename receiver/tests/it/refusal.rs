//! Requests that are turned away before or beside their signature: method, path, type, size,
//! time.

use reqwest::Method;
use shared::testing::{Engine, on_every_engine};

use crate::answer::HUBSPOT_LIMIT;
use crate::delivery::{Delivery, PATH, client, read};
use crate::events;
use crate::fixture::Fixture;
use crate::socket::Socket;

fn delivery() -> Delivery {
    Delivery::new(events::body(&events::batch(1)))
}

/// The connection is said to close, and does.
async fn assert_closing(socket: &mut Socket, status: u16, code: &str) {
    let answer = tokio::time::timeout(HUBSPOT_LIMIT, socket.answer()).await.unwrap();
    let body = format!(r#"{{"error":"{code}"}}"#);
    assert_eq!((answer.status, &answer.body), (status, &body), "{answer:?}");
    assert!(answer.head.contains("connection: close"), "{answer:?}");
    let closed = tokio::time::timeout(HUBSPOT_LIMIT, socket.closed()).await;
    assert!(closed.is_ok(), "it is still open");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_post_is_taken() {
    let fixture = Fixture::start(Engine::Cluster, &[]).await;
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        let url = format!("http://{}{PATH}", fixture.address());
        let answer = read(client().request(method, url)).await.unwrap();
        answer.assert_refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_are_not_found_and_the_admin_pages_are_not_public() {
    let fixture = Fixture::start(Engine::Cluster, &[]).await;
    for path in
        ["/", "/webhooks", "/webhooks/hubspot/", "/livez", "/readyz", "/metrics", "/rejections"]
    {
        fixture.deliver(&delivery().target(path)).await.assert_refused(404, "not_found");
        let url = format!("http://{}{path}", fixture.address());
        read(client().get(url)).await.unwrap().assert_refused(404, "not_found");
    }
    assert_eq!(fixture.admin(PATH).await.status, 404);
    fixture.finish().await;
}

async fn the_path_is_a_setting(engine: Engine) {
    let fixture = Fixture::start(engine, &["--webhook-path=/hooks/eu-1"]).await;
    fixture.deliver(&delivery().target("/hooks/eu-1")).await.assert_received(1);
    fixture.deliver(&delivery()).await.assert_refused(404, "not_found");
    assert_eq!(fixture.work_bodies().await.len(), 1);
    fixture.finish().await;
}

async fn only_json_is_taken(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    for refused in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let sent = delivery().header("content-type", refused);
        fixture.deliver(&sent).await.assert_refused(415, "unsupported_media_type");
    }
    let listed = fixture.admin("/rejections").await.json();
    assert!(listed[0]["hint"].as_str().unwrap().contains("application/json"), "{listed}");
    // What got lost on the way is no reason to lose the delivery.
    fixture.deliver(&delivery().without("content-type")).await.assert_received(1);
    for taken in ["application/json;charset=UTF-8", "Application/JSON ; charset=utf-8"] {
        fixture.deliver(&delivery().header("content-type", taken)).await.assert_received(1);
    }
    assert_eq!(fixture.work_bodies().await.len(), 3);
    fixture.finish().await;
}

async fn a_body_over_the_limit_is_refused_with_and_without_its_length(engine: Engine) {
    let fixture = Fixture::start(engine, &["--max-body-bytes=2KiB"]).await;
    let padded = |length: usize| {
        let event = events::fresh();
        let padding = length - event.len() - 2;
        Delivery::new(format!("[{event}{}]", " ".repeat(padding)))
    };
    let (largest, larger) = (padded(2048), padded(2049));
    assert_eq!((largest.body().len(), larger.body().len()), (2048, 2049));
    for sent in [&larger, &padded(1_000_000)] {
        fixture.deliver(sent).await.assert_refused(413, "body_too_large");
        let mut socket = Socket::connect(fixture.address()).await;
        socket.send_chunked(sent).await;
        assert_closing(&mut socket, 413, "body_too_large").await;
    }
    fixture.deliver(&largest).await.assert_received(1);
    let mut socket = Socket::connect(fixture.address()).await;
    socket.send_chunked(&largest).await;
    assert_eq!(socket.answer().await.body, r#"{"received":1}"#);
    assert_eq!(fixture.work_bodies().await.len(), 2);
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_over_the_limit_is_refused_before_the_body_is_sent() {
    let fixture = Fixture::start(Engine::Cluster, &["--body-timeout=4500ms"]).await;
    let mut socket = Socket::connect(fixture.address()).await;
    socket.send_head(&delivery(), "content-length: 16777217").await;
    assert_closing(&mut socket, 413, "body_too_large").await;
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stalls_is_refused_in_time() {
    let fixture = Fixture::start(Engine::Cluster, &["--body-timeout=150ms"]).await;
    let sent = delivery();
    for started in [0, 10] {
        let mut socket = Socket::connect(fixture.address()).await;
        socket.send_head(&sent, &format!("content-length: {}", sent.body().len())).await;
        socket.send(&sent.body()[..started]).await;
        assert_closing(&mut socket, 408, "body_too_slow").await;
    }
    fixture.finish().await;
}

async fn a_connection_serves_one_delivery_after_another_until_one_is_refused(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let mut socket = Socket::connect(fixture.address()).await;
    for _ in 0..3 {
        socket.send_delivery(&delivery()).await;
        assert_eq!(socket.answer().await.status, 200);
    }
    socket.send_delivery(&delivery().secret("another-s3cret")).await;
    assert_closing(&mut socket, 401, "signature_mismatch").await;
    assert_eq!(fixture.work_bodies().await.len(), 3);
    fixture.finish().await;
}

on_every_engine! {
    the_path_is_a_setting
    only_json_is_taken
    a_body_over_the_limit_is_refused_with_and_without_its_length
    a_connection_serves_one_delivery_after_another_until_one_is_refused
}
