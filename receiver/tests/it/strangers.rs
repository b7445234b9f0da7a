//! Connections of those who have no signature: none of them is held for ever, none of them costs what
//! a delivery needs, and deliveries come through beside any number of them.

use std::time::Duration;

use futures_util::future::join_all;
use shared::testing::{Engine, amqp_url, on_every_engine, prefix};
use tokio::task::JoinSet;

use crate::answer::{HUBSPOT_LIMIT, eventually};
use crate::delivery::{Delivery, client};
use crate::events;
use crate::fixture::{Fixture, admin, queues};
use crate::load::Load;
use crate::process::Process;
use crate::socket::Socket;
use crate::work;

mod stranger;

use stranger::Stranger;

/// All of them end, at most a minute from now.
async fn all_closed(strangers: JoinSet<()>) {
    let ended = tokio::time::timeout(Duration::from_secs(60), strangers.join_all()).await;
    assert!(ended.is_ok(), "some connections are held");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stranger_holds_a_connection() {
    let fixture = Fixture::start(Engine::Cluster, &[]).await;
    let mut strangers = JoinSet::new();
    for stranger in Stranger::ALL {
        let address = fixture.address();
        strangers.spawn(async move {
            let stayed = stranger.stay(address);
            let closed = tokio::time::timeout(Duration::from_secs(60), stayed).await;
            assert!(closed.is_ok(), "{stranger:?} is still there");
        });
    }
    all_closed(strangers).await;
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stranger_holds_a_connection_of_the_admin_listener() {
    let fixture = Fixture::start(Engine::Cluster, &[]).await;
    let mut strangers = JoinSet::new();
    for stranger in Stranger::ALL {
        strangers.spawn(stranger.stay(fixture.admin_address()));
    }
    all_closed(strangers).await;
    assert_eq!(fixture.admin("/livez").await.status, 200);
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_come_through_a_crowd_of_strangers_in_bounded_memory() {
    let (prefix, url) = (prefix(), amqp_url());
    let queues = queues(&url, &prefix).await;
    // So few that the strangers would take them all.
    let process = Process::with_files(448, &url, &prefix, &[]).await;
    process.ready().await;
    let mut load = Load::start(process.address);
    load.until_received(4).await;
    let mut strangers = JoinSet::new();
    for stranger in Stranger::ALL.into_iter().cycle().take(400) {
        strangers.spawn(stranger.stay(process.address));
    }
    load.until_received(300).await;
    all_closed(strangers).await;
    load.until_received(40).await;
    let tally = load.stop().await;
    assert_eq!((tally.broken, tally.refusals()), (0, 0), "{:?}", tally.refused);
    assert!(tally.slowest < HUBSPOT_LIMIT, "{:?}", tally.slowest);
    let most = process.memory_peak_bytes();
    assert!(most < 256 << 20, "{most} bytes");
    let page = admin(&client(), process.admin_address, "/metrics").await.body;
    let count = |line: &str| -> u64 {
        let found = page.lines().find_map(|text| text.strip_prefix(line));
        found.unwrap_or_else(|| panic!("no {line} in {page}")).trim().parse().unwrap()
    };
    assert!(count(r#"hubline_connections_closed_total{reason="gave_way"}"#) > 0);
    work::assert_holds(&queues, &tally.confirmed).await;
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(0));
    queues.end().await;
}

async fn bodies_of_strangers_leave_room_for_deliveries(engine: Engine) {
    let fixture = Fixture::start(engine, &["--body-timeout=4500ms"]).await;
    let mut sockets = Vec::new();
    // Four of them would fill the room.
    for _ in 0..40 {
        let mut socket = Socket::connect(fixture.address()).await;
        socket.send(Stranger::AnnouncesForged.head().as_bytes()).await;
        sockets.push(socket);
    }
    let large = format!("[{},{}]", events::fresh(), " ".repeat(1 << 20) + &events::fresh());
    for _ in 0..3 {
        fixture.post(events::body(&events::batch(100))).await.assert_received(100);
        fixture.post(large.clone()).await.assert_received(2);
        let mut socket = Socket::connect(fixture.address()).await;
        socket.send_chunked(&Delivery::new(events::body(&events::batch(100)))).await;
        assert_eq!(socket.answer().await.body, r#"{"received":100}"#);
    }
    let busy = fixture.metric(r#"hubline_rejections_total{reason="busy"}"#).await;
    assert!(busy > 30.0, "{busy}");
    drop(sockets);
    fixture.discard().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_by_its_head_is_refused_unread() {
    let fixture = Fixture::start(Engine::Cluster, &["--body-timeout=4500ms"]).await;
    let sent = Delivery::new(events::body(&events::batch(1)));
    let cases = [
        (sent.clone().without("x-hubspot-signature-v3"), 401, "signature_missing"),
        (sent.clone().header("x-hubspot-signature-v3", "AAAA"), 401, "signature_malformed"),
        (sent.clone().without("x-hubspot-request-timestamp"), 401, "timestamp_missing"),
        (sent.clone().header("x-hubspot-request-timestamp", "1"), 401, "timestamp_expired"),
        (sent.clone().header("content-type", "text/html"), 415, "unsupported_media_type"),
        (sent.clone().header("x-long", &"x".repeat(33 * 1024)), 431, "head_too_large"),
        (sent.clone().target("/elsewhere"), 404, "not_found"),
    ];
    let framings = ["content-length: 1000", "transfer-encoding: chunked"];
    let all = framings.iter().flat_map(|framing| cases.iter().map(move |case| (framing, case)));
    join_all(all.map(async |(framing, (refused, status, code))| {
        let mut socket = Socket::connect(fixture.address()).await;
        socket.send_head(refused, framing).await;
        // Nothing else comes, and so an answer that waited for it would be another one.
        let answer = socket.answer().await;
        let body = format!(r#"{{"error":"{code}"}}"#);
        assert_eq!((answer.status, answer.body), (*status, body));
        socket.closed().await;
    }))
    .await;
    fixture.finish().await;
}

/// A connection that was open before, for none can be made now.
async fn readiness(admin: &mut Socket) -> (u16, String) {
    admin.send(b"GET /readyz HTTP/1.1\r\nhost: h\r\n\r\n").await;
    let answer = admin.answer().await;
    (answer.status, answer.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_can_take_no_connections_is_not_ready() {
    let (prefix, url) = (prefix(), amqp_url());
    let queues = queues(&url, &prefix).await;
    let process = Process::start(&url, &prefix, &[]).await;
    process.ready().await;
    let mut admin = Socket::connect(process.admin_address).await;
    assert_eq!(readiness(&mut admin).await.0, 200);
    process.limit_files(4);
    let fails = eventually("not ready", async || {
        // A 503 closes its connection: what says so is the last that this one says.
        let (status, said) = readiness(&mut admin).await;
        (status == 503).then_some(said)
    });
    assert!(fails.await.contains(r#""listener":"takes no connections""#));
    process.limit_files(1024);
    process.ready().await;
    let sent = Delivery::new(events::body(&events::batch(1)));
    sent.send(&client(), process.address).await.assert_received(1);
    drop(process);
    queues.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_hides_no_other_reason_and_is_told_in_few_lines() {
    let (prefix, url) = (prefix(), amqp_url());
    let queues = queues(&url, &prefix).await;
    let process = Process::start(&url, &prefix, &[]).await;
    process.ready().await;
    let client = client();
    let genuine = Delivery::new("[]").secret("another-s3cret-of-an-app");
    genuine.send(&client, process.address).await.assert_refused(401, "signature_mismatch");
    let unsigned = Delivery::new("[]").without("x-hubspot-signature-v3");
    for _ in 0..150 {
        unsigned.send(&client, process.address).await.assert_refused(401, "signature_missing");
    }
    let listed = admin(&client, process.admin_address, "/rejections").await.json();
    let of = |reason: &str| {
        listed.as_array().unwrap().iter().filter(|one| one["reason"] == reason).count()
    };
    assert_eq!((of("signature_mismatch"), of("signature_missing")), (1, 20));
    process.terminate();
    let (status, said) = process.ended_saying().await;
    assert_eq!(status.code(), Some(0));
    let lines = said.matches(r#""message":"request rejected""#).count();
    // Ten of each reason within ten seconds, however long this took.
    assert!((11..150).contains(&lines), "{lines}");
    queues.end().await;
}

on_every_engine! {
    bodies_of_strangers_leave_room_for_deliveries
}
