//! The broker itself fails: it crashes, runs out of memory, is full; or the disk is, where events
//! go into a data file. Each test has one of its own.

use futures_util::future::join_all;
use serde_json::json;
use shared::testing::Engine;

use crate::answer::{HUBSPOT_LIMIT, eventually};
use crate::broker::PrivateBroker;
use crate::delivery::Delivery;
use crate::events;
use crate::fixture::Fixture;
use crate::load::Load;

fn body() -> String {
    events::body(&events::batch(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_crashes_under_load_keeps_every_event_that_was_answered_200() {
    let broker = PrivateBroker::start("crash").await;
    let mut fixture = Fixture::start_at(&broker.url, &broker.url, &["--publish-timeout=3s"]).await;
    fixture.ready().await;
    let mut load = Load::start(fixture.address());
    load.until_received(50).await;
    broker.kill().await;
    load.until_refused(10).await;
    broker.up().await;
    load.until_received(50).await;
    let tally = load.stop().await;
    assert_eq!(tally.broken, 0);
    assert!(tally.slowest < HUBSPOT_LIMIT, "{:?}", tally.slowest);
    fixture.look_again(&broker.url).await;
    fixture.assert_work_holds(&tally.confirmed).await;
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_alarm_is_answered_503_in_time_until_it_is_over() {
    let broker = PrivateBroker::start("alarm").await;
    let fixture = Fixture::start_at(&broker.url, &broker.url, &["--publish-timeout=1s"]).await;
    fixture.ready().await;
    fixture.post(body()).await.assert_received(1);
    broker.rabbitmqctl(&["set_vm_memory_high_watermark", "absolute", "1"]).await;
    // The broker blocks a connection when it next publishes; that message may pass.
    fixture.post_until(503).await;
    for answer in join_all((0..20).map(|_| fixture.post(body()))).await {
        assert_eq!(answer.status, 503, "{answer:?}");
        answer.assert_refused(503, answer.json()["error"].as_str().unwrap());
    }
    let unready = eventually("not ready", async || {
        let page = fixture.admin("/readyz").await;
        (page.status == 503).then_some(page)
    });
    let unready = unready.await.json();
    assert!(unready["checks"]["broker"].as_str().unwrap().starts_with("down: "), "{unready}");
    // A connection made meanwhile is not told that it is blocked: the deadline is what helps.
    let late = Fixture::start_at(&broker.url, &broker.url, &["--publish-timeout=1s"]).await;
    late.ready().await;
    late.post_until(503).await;
    for answer in join_all((0..20).map(|_| late.post(body()))).await {
        answer.assert_refused(503, answer.json()["error"].as_str().unwrap());
    }
    broker.rabbitmqctl(&["set_vm_memory_high_watermark", "absolute", "1GiB"]).await;
    for fixture in [&fixture, &late] {
        fixture.post_until(200).await;
        fixture.post(body()).await.assert_received(1);
        assert!(fixture.work_bodies().await.len() >= 2);
    }
    fixture.discard().await;
    late.discard().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_answered_503_until_there_is_room() {
    let broker = PrivateBroker::start("full").await;
    let fixture = Fixture::start_at(&broker.url, &broker.url, &[]).await;
    fixture.ready().await;
    let queues = format!("^{}", fixture.queues.rabbitmq().name("work").replace('.', r"\."));
    let limit = [r#"{"max-length":5}"#, "--apply-to", "queues"];
    broker.rabbitmqctl(&[&["set_policy", "full", &queues], &limit[..]].concat()).await;
    let mut load = Load::start(fixture.address());
    load.until_refused(20).await;
    let tally = load.stop().await;
    assert_eq!(tally.refused.keys().collect::<Vec<_>>(), ["broker_refused"]);
    fixture.assert_work_holds(&tally.confirmed).await;
    fixture.post_until(200).await;
    // A refusal is an answer, not a failure of the connection.
    assert!(fixture.metric("hubline_broker_connection_failures_total").await < 0.5);
    fixture.discard().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_answered_503_until_there_is_room() {
    let fixture = Fixture::start(Engine::Embedded, &[]).await;
    let assert_ready = async || {
        let page = fixture.admin("/readyz").await;
        let ready = json!({"ready": true, "checks": {"broker": "up"}});
        assert_eq!((page.status, page.json()), (200, ready));
    };
    assert_ready().await;
    // More than the file has room for as it is.
    let events = events::batch(100);
    let delivery = Delivery::new(events::body(&events));
    fixture.queues.data_file().fill_disk().await;
    fixture.deliver(&delivery).await.assert_refused(503, "broker_unavailable");
    let page = fixture.admin("/readyz").await;
    assert_eq!(page.status, 503);
    let unready = page.json();
    assert_eq!(unready["ready"], false);
    let why = unready["checks"]["broker"].as_str().unwrap();
    assert!(why.starts_with("down: ") && why.contains("disk is full"), "{why}");
    assert_eq!(fixture.admin("/livez").await.status, 200);
    let failed = r#"hubline_publishes_total{route="work",result="failed"}"#;
    assert!(fixture.metric(failed).await > 99.5);
    eventually("the gauge follows", async || {
        (fixture.metric("hubline_publisher_up").await < 0.5).then_some(())
    })
    .await;
    fixture.queues.data_file().make_room().await;
    fixture.ready().await;
    assert_ready().await;
    fixture.deliver(&delivery).await.assert_received(100);
    fixture.assert_work_is(&events).await;
    fixture.finish().await;
}
