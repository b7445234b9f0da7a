//! 200 only after the confirm: the network between receiver and broker breaks, and every answer
//! still keeps its word.

use futures_util::future::join_all;
use shared::testing::{Engine, Proxy, amqp_url, on_every_engine};

use crate::answer::{HUBSPOT_LIMIT, eventually};
use crate::delivery::Delivery;
use crate::events;
use crate::fixture::Fixture;
use crate::load::Load;
use crate::process::Process;
use crate::socket::Socket;

/// A receiver that reaches the broker through a proxy.
async fn behind_proxy(options: &[&str]) -> (Proxy, Fixture) {
    let proxy = Proxy::start(&Proxy::server_of(&amqp_url())).await;
    let fixture = Fixture::start_at(&proxy.url(&amqp_url()), &amqp_url(), options).await;
    fixture.ready().await;
    (proxy, fixture)
}

/// The address of a broker that is not there.
const NOWHERE: &str = "amqp://127.0.0.1:1/%2f";
/// As it is unless somebody sets it: where the broker says nothing, the answer comes later still.
const DEFAULT: &str = "--publish-timeout=3s";

#[tokio::test(flavor = "multi_thread")]
async fn without_confirms_every_delivery_is_answered_503_in_time() {
    let (proxy, fixture) = behind_proxy(&[DEFAULT]).await;
    let before = events::batch(2);
    fixture.post(events::body(&before)).await.assert_received(2);
    proxy.mute_server();
    let muted = events::batch(1);
    let posts = (0..20).map(|_| fixture.post(events::body(&muted)));
    // Too late, or on a connection that was given up by then.
    for answer in join_all(posts).await {
        answer.assert_refused(503, answer.json()["error"].as_str().unwrap());
    }
    proxy.restore();
    fixture.post_until(200).await;
    let after = events::batch(2);
    fixture.post(events::body(&after)).await.assert_received(2);
    // What was refused may have arrived all the same, but what was confirmed has.
    let confirmed = before.into_iter().chain(after).map(String::into_bytes).collect();
    fixture.assert_work_holds(&confirmed).await;
    fixture.discard().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_for_confirms_is_a_setting() {
    let (proxy, fixture) = behind_proxy(&["--publish-timeout=50ms"]).await;
    proxy.mute_server();
    let answer = fixture.post(events::body(&events::batch(1))).await;
    answer.assert_refused(503, "broker_timed_out");
    assert!(answer.took.as_millis() >= 50, "{answer:?}");
    fixture.discard().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_the_confirm_stops_nothing() {
    let (proxy, fixture) = behind_proxy(&[DEFAULT]).await;
    let mut socket = Socket::connect(fixture.address()).await;
    // Answered, so the channel that serves this connection is open.
    socket.send_delivery(&Delivery::new(events::body(&[&events::fresh()]))).await;
    assert_eq!(socket.answer().await.status, 200);
    proxy.mute_server();
    let event = events::fresh();
    socket.send_delivery(&Delivery::new(events::body(&[&event]))).await;
    let in_flight = async |count: f64| {
        let now = fixture.metric("hubline_requests_in_flight").await;
        ((now - count).abs() < 0.5).then_some(())
    };
    eventually("the request is in flight", async || in_flight(1.0).await).await;
    drop(socket);
    eventually("the request is over", async || in_flight(0.0).await).await;
    proxy.restore();
    let identity = events::identity(event.as_bytes());
    eventually("the event is in its queue", async || {
        let work = fixture.work().await;
        work.values().flatten().any(|message| message.event.identity == identity).then_some(())
    })
    .await;
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_under_load_comes_back_by_itself_and_loses_nothing() {
    let (proxy, fixture) = behind_proxy(&[DEFAULT]).await;
    let mut load = Load::start(fixture.address());
    for _ in 0..2 {
        load.until_received(40).await;
        proxy.cut();
        load.until_refused(20).await;
        proxy.restore();
    }
    load.until_received(40).await;
    let tally = load.stop().await;
    assert_eq!(tally.broken, 0);
    assert!(tally.slowest < HUBSPOT_LIMIT, "{:?}", tally.slowest);
    fixture.assert_work_holds(&tally.confirmed).await;
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_mute_under_load_loses_nothing() {
    let (proxy, fixture) = behind_proxy(&["--publish-timeout=200ms"]).await;
    let mut load = Load::start(fixture.address());
    load.until_received(40).await;
    proxy.mute_server();
    load.until_refused(20).await;
    proxy.restore();
    load.until_received(40).await;
    let tally = load.stop().await;
    assert_eq!(tally.broken, 0);
    assert!(tally.refused.contains_key("broker_timed_out"), "{:?}", tally.refused);
    fixture.assert_work_holds(&tally.confirmed).await;
    fixture.discard().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_its_broker_starts_and_answers_503_at_once() {
    let process = Process::start(NOWHERE, "nowhere", &[("PUBLISH_TIMEOUT", "4s")]).await;
    let client = crate::delivery::client();
    for _ in 0..5 {
        let sent = Delivery::new(events::body(&events::batch(1)));
        let answer = sent.send(&client, process.address).await;
        answer.assert_refused(503, "broker_unavailable");
        assert!(answer.took.as_secs() < 4, "{answer:?}");
    }
    let ready = crate::fixture::admin(&client, process.admin_address, "/readyz").await;
    assert_eq!(ready.status, 503);
    // An empty batch needs no broker.
    Delivery::new("[]").send(&client, process.address).await.assert_received(0);
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_started_before_its_broker_takes_up_work_when_it_comes() {
    let proxy = Proxy::start(&Proxy::server_of(&amqp_url())).await;
    proxy.cut();
    let fixture = Fixture::start_at(&proxy.url(&amqp_url()), &amqp_url(), &[]).await;
    fixture.post(events::body(&events::batch(1))).await.assert_refused(503, "broker_unavailable");
    proxy.restore();
    fixture.post_until(200).await;
    assert_eq!(fixture.work_bodies().await.len(), 1);
    fixture.finish().await;
}

async fn too_many_waiting_events_are_answered_503_until_they_are_worked_off(engine: Engine) {
    let fixture = Fixture::start(engine, &["--queue-soft-limit=5"]).await;
    fixture.post(events::body(&events::batch(6))).await.assert_received(6);
    fixture.post_until(503).await.assert_refused(503, "queue_full");
    let unready = fixture.admin("/readyz").await;
    assert_eq!(unready.status, 503);
    assert!(unready.json()["checks"]["queue"].as_str().unwrap().contains("QUEUE_SOFT_LIMIT"));
    let waiting = fixture.work_bodies().await.len();
    assert!(waiting >= 6, "{waiting}");
    fixture.post_until(200).await;
    assert_eq!(fixture.work_bodies().await.len(), 1);
    fixture.finish().await;
}

on_every_engine! {
    too_many_waiting_events_are_answered_503_until_they_are_worked_off
}
