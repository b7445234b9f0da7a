//! SIGTERM: what is in flight is answered, what is answered 200 is in a queue, and nothing idle
//! holds the end up.

use std::time::{Duration, Instant};

use shared::testing::{amqp_url, prefix};

use crate::answer::eventually;
use crate::delivery::{Delivery, client};
use crate::events;
use crate::fixture::{Fixture, admin, assert_work_holds, queues};
use crate::load::Load;
use crate::process::Process;
use crate::socket::Socket;

const GRACE: Duration = Duration::from_secs(20);

/// A process that has begun to read a delivery of which the last byte is still to come.
async fn reading(prefix: &str, grace: &str) -> (Process, Socket, Delivery) {
    let process =
        Process::start(&amqp_url(), prefix, &[("SHUTDOWN_GRACE", grace), ("BODY_TIMEOUT", "60s")])
            .await;
    process.ready().await;
    let client = client();
    let delivery = Delivery::new(events::body(&events::batch(2)));
    let mut socket = Socket::connect(process.address).await;
    socket.send_head(&delivery, &format!("content-length: {}", delivery.body().len())).await;
    socket.send(&delivery.body()[..delivery.body().len() - 1]).await;
    eventually("in flight", async || {
        let page = admin(&client, process.admin_address, "/metrics").await.body;
        page.contains("hubline_requests_in_flight 1\n").then_some(())
    })
    .await;
    (process, socket, delivery)
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_it_ends_well_within_the_grace_and_every_200_is_in_a_queue() {
    let prefix = prefix();
    let grace = format!("{}s", GRACE.as_secs());
    let process = Process::start(&amqp_url(), &prefix, &[("SHUTDOWN_GRACE", &grace)]).await;
    process.ready().await;
    let mut load = Load::start(process.address);
    load.until_received(40).await;
    let mut idle = Socket::connect(process.address).await;
    idle.send_delivery(&Delivery::new("[]")).await;
    assert_eq!(idle.answer().await.status, 200);
    let mut silent = Socket::connect(process.address).await;
    let asked = Instant::now();
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(0));
    assert!(asked.elapsed() < GRACE, "{:?}", asked.elapsed());
    idle.closed().await;
    silent.closed().await;
    load.until(|_, now| now.broken > 0).await;
    let tally = load.stop().await;
    assert!(tally.refused.keys().all(|code| code == "shutting_down"), "{:?}", tally.refused);
    let queues = queues(&amqp_url(), &prefix).await;
    // And every event that went into a queue was answered 200: no answer was cut off.
    assert_eq!(assert_work_holds(&queues, &tally.confirmed).await, 0);
    assert_eq!(queues.delete_all().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_in_flight_is_still_answered_200() {
    let prefix = prefix();
    let (mut process, mut socket, delivery) = reading(&prefix, "20s").await;
    process.terminate();
    process.said("signal received: shutting down").await;
    socket.send(&delivery.body()[delivery.body().len() - 1..]).await;
    let answer = socket.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"received":2}"#));
    assert_eq!(process.ended().await.code(), Some(0));
    let queues = queues(&amqp_url(), &prefix).await;
    let leftovers = queues.delete_all().await;
    assert_eq!(leftovers.iter().map(|(_, count)| count).sum::<u32>(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_outlasts_the_grace_does_not_hold_the_end_up() {
    let prefix = prefix();
    let (mut process, _socket, _) = reading(&prefix, "100ms").await;
    process.terminate();
    process.said("grace is over with requests in flight").await;
    assert_eq!(process.ended().await.code(), Some(0));
    assert_eq!(queues(&amqp_url(), &prefix).await.delete_all().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let prefix = prefix();
    let (mut process, _socket, _) = reading(&prefix, "1h").await;
    process.terminate();
    process.said("signal received: shutting down").await;
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(130));
    assert_eq!(queues(&amqp_url(), &prefix).await.delete_all().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_receiver_has_closed_its_port() {
    let fixture = Fixture::start(&[]).await;
    let address = fixture.address();
    fixture.finish().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
