//! The end, on any engine and by SIGTERM: what is in flight is answered, what is answered 200 is in
//! a queue, and nothing idle holds the end up.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use shared::testing::{Engine, Place, amqp_url, on_every_engine, prefix};

use crate::answer::eventually;
use crate::delivery::{Delivery, client};
use crate::events;
use crate::fixture::{Fixture, admin, queues};
use crate::load::{Load, Tally};
use crate::process::Process;
use crate::socket::Socket;
use crate::work;

const GRACE: Duration = Duration::from_secs(20);

/// A delivery that a receiver has begun to read, and of which the last byte is still to come.
struct HalfSent {
    socket: Socket,
    events: Vec<String>,
    last: u8,
}

impl HalfSent {
    /// Returns once the receiver is at it.
    async fn send(address: SocketAddr, admin_address: SocketAddr) -> Self {
        let events = events::batch(2);
        let delivery = Delivery::new(events::body(&events));
        let (last, before) = delivery.body().split_last().unwrap();
        let mut socket = Socket::connect(address).await;
        socket.send_head(&delivery, &format!("content-length: {}", delivery.body().len())).await;
        socket.send(before).await;
        let client = client();
        eventually("in flight", async || {
            let page = admin(&client, admin_address, "/metrics").await.body;
            page.contains("hubline_requests_in_flight 1\n").then_some(())
        })
        .await;
        Self { socket, events, last: *last }
    }

    /// Sends the rest; the answer must be 200. Gives the events.
    async fn complete(mut self) -> Vec<String> {
        self.socket.send(&[self.last]).await;
        let answer = self.socket.answer().await;
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"received":2}"#));
        self.events
    }
}

/// A process that is reading a delivery.
async fn reading(prefix: &str, grace: &str) -> (Process, HalfSent) {
    let process = Process::start(
        &amqp_url(),
        prefix,
        &[("SHUTDOWN_GRACE", grace), ("BODY_TIMEOUT", "4500ms")],
    )
    .await;
    process.ready().await;
    let half_sent = HalfSent::send(process.address, process.admin_address).await;
    (process, half_sent)
}

/// No answer was cut off: what was answered 200 is in the queues, and nothing else.
async fn assert_all_was_answered(tally: &Tally, queues: Place) {
    assert!(tally.refused.keys().all(|code| code == "shutting_down"), "{:?}", tally.refused);
    assert_eq!(work::assert_holds(&queues, &tally.confirmed).await, 0);
    assert_eq!(queues.end().await, []);
}

async fn a_receiver_that_stops_under_load_has_queued_what_it_answered_200_and_no_more(
    engine: Engine,
) {
    let fixture = Fixture::start(engine, &[]).await;
    let mut load = Load::start(fixture.address());
    load.until_received(40).await;
    let queues = fixture.stop().await;
    load.until(|_, now| now.broken > 0).await;
    assert_all_was_answered(&load.stop().await, queues).await;
}

async fn a_receiver_that_stops_still_takes_what_it_has_begun_to_read(engine: Engine) {
    let fixture = Fixture::start(engine, &["--shutdown-grace=60s", "--body-timeout=4500ms"]).await;
    let (client, admin_address) = (client(), fixture.admin_address());
    let half_sent = HalfSent::send(fixture.address(), admin_address).await;
    let completed = async {
        eventually("shutting down", async || {
            let page = admin(&client, admin_address, "/readyz").await;
            (page.status == 503)
                .then(|| assert_eq!(page.json()["checks"]["receiver"], "shutting down"))
        })
        .await;
        half_sent.complete().await
    };
    let (queues, events) = tokio::join!(fixture.stop(), completed);
    work::assert_is(&queues, &events).await;
    assert_eq!(queues.end().await, []);
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
    assert_all_was_answered(&load.stop().await, queues(&amqp_url(), &prefix).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_in_flight_is_still_answered_200() {
    let prefix = prefix();
    let (mut process, half_sent) = reading(&prefix, "20s").await;
    process.terminate();
    process.said("signal received: shutting down").await;
    let events = half_sent.complete().await;
    assert_eq!(process.ended().await.code(), Some(0));
    let queues = queues(&amqp_url(), &prefix).await;
    work::assert_is(&queues, &events).await;
    assert_eq!(queues.end().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_outlasts_the_grace_does_not_hold_the_end_up() {
    let prefix = prefix();
    let (mut process, _half_sent) = reading(&prefix, "100ms").await;
    process.terminate();
    process.said("grace is over with requests in flight").await;
    assert_eq!(process.ended().await.code(), Some(0));
    assert_eq!(queues(&amqp_url(), &prefix).await.end().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let prefix = prefix();
    let (mut process, _half_sent) = reading(&prefix, "1h").await;
    process.terminate();
    process.said("signal received: shutting down").await;
    // One that comes at once is the same wish; later ones are not.
    assert_eq!(process.ended_by_more_signals().await.code(), Some(130));
    assert_eq!(queues(&amqp_url(), &prefix).await.end().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_receiver_has_closed_its_port() {
    let fixture = Fixture::start(Engine::Cluster, &[]).await;
    let address = fixture.address();
    fixture.finish().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

on_every_engine! {
    a_receiver_that_stops_under_load_has_queued_what_it_answered_200_and_no_more
    a_receiver_that_stops_still_takes_what_it_has_begun_to_read
}
