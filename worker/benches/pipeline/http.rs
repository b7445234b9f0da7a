//! The load: signed deliveries over keep-alive connections, each connection one at a time. Closed loop, as
//! fast as answers come, or open loop, when each is due.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use shared::clock::now_ms;
use shared::senders::hubspot::signature::{ClientSecret, Version, sign};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::paced::schedule;
use super::report::Percentiles;

pub(crate) const SECRET: &str = "benchmark-client-secret";

/// The id of the next event. Ten digits, as HubSpot's have.
static NEXT: LazyLock<AtomicU64> =
    LazyLock::new(|| AtomicU64::new(1_000_000_000 + u64::from(rand::random::<u32>() / 2)));

/// Whose events they are where that makes no difference.
pub(crate) const PORTAL: u64 = 242_711_451;

/// The record that an event is about, and when that changed.
#[derive(Clone, Copy)]
pub(crate) struct About {
    pub(crate) object: u64,
    pub(crate) at_ms: u64,
}

/// One record at one time: nothing is asked of either where that makes no difference.
pub(crate) const ABOUT: About = About { object: 267_448_862_446, at_ms: 1_769_081_993_375 };

/// One event of the usual size (326 bytes with its comma), different for each `id`.
pub(crate) fn event(id: u64) -> String {
    event_of(PORTAL, id, ABOUT)
}

/// The same of one portal.
fn event_of(portal: u64, id: u64, About { object, at_ms }: About) -> String {
    format!(
        r#"{{"eventId":{id},"subscriptionId":4578255,"portalId":{portal},"appId":19635961,"occurredAt":{at_ms},"subscriptionType":"deal.propertyChange","attemptNumber":0,"objectId":{object},"propertyName":"dealstage","propertyValue":"presentationscheduled","changeSource":"CRM_UI","sourceId":"userId:52530071","changeFlag":"CREATED"}}"#
    )
}

/// `deliveries` signed requests of `events` each, all events different from all others of this run.
pub(crate) fn requests(deliveries: usize, events: usize) -> Vec<Vec<u8>> {
    requests_of(&[PORTAL], deliveries, events).0
}

/// The same of these portals in turn, and the ids of the events in their order.
pub(crate) fn requests_of(
    portals: &[u64],
    deliveries: usize,
    events: usize,
) -> (Vec<Vec<u8>>, Range<u64>) {
    requests_about(portals, deliveries, events, |_| ABOUT)
}

/// The same, of which the first, second, … event is `about` these.
pub(crate) fn requests_about(
    portals: &[u64],
    deliveries: usize,
    events: usize,
    about: impl Fn(u64) -> About,
) -> (Vec<Vec<u8>>, Range<u64>) {
    let secret = ClientSecret::new(SECRET.to_owned()).unwrap();
    let count = (deliveries * events) as u64;
    let first = NEXT.fetch_add(count, Ordering::Relaxed);
    let mut portals = portals.iter().copied().cycle();
    let mut of_all = (first..first + count).zip(portals.by_ref());
    let requests = (0..deliveries)
        .map(|_| {
            let batch = of_all.by_ref().take(events);
            let batch: Vec<String> =
                batch.map(|(id, portal)| event_of(portal, id, about(id - first))).collect();
            signed(&secret, &batch)
        })
        .collect();
    (requests, first..first + count)
}

fn signed(secret: &ClientSecret, batch: &[String]) -> Vec<u8> {
    let body = format!("[{}]", batch.join(","));
    let timestamp = now_ms().to_string();
    let url = "https://bench.example.com/webhooks/hubspot";
    let signature = sign(Version::V3, secret, "POST", url, body.as_bytes(), &timestamp);
    format!(
        "POST /webhooks/hubspot HTTP/1.1\r\nhost: bench.example.com\r\ncontent-type: application/json\r\nx-hubspot-signature-v3: {signature}\r\nx-hubspot-request-timestamp: {timestamp}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What a run of the load showed.
pub(crate) struct Load {
    /// When the first was due.
    pub(crate) begun: Instant,
    pub(crate) took: Duration,
    /// Time to each answer.
    pub(crate) latency: Percentiles,
}

/// Posts all requests over `connections`, each as soon as there is one free; every answer must be 200.
pub(crate) async fn post(address: SocketAddr, requests: Vec<Vec<u8>>, connections: usize) -> Load {
    let mut shares: Vec<Vec<Vec<u8>>> = (0..connections).map(|_| Vec::new()).collect();
    for (index, request) in requests.into_iter().enumerate() {
        shares[index % connections].push(request);
    }
    let started = Instant::now();
    let tasks = shares.into_iter().map(|share| {
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await;
            let mut latencies = Vec::with_capacity(share.len());
            for request in share {
                let started = Instant::now();
                connection.exchange(&request).await;
                latencies.push((started, started.elapsed()));
            }
            latencies
        })
    });
    loaded(started, tasks.collect()).await
}

/// Posts a request `every` so often over `connections`. What finds none free waits for one, and counts
/// from when it was due.
pub(crate) async fn post_on_schedule(
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    connections: usize,
    every: Duration,
) -> Load {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(address).await);
    }
    let started = Instant::now();
    let due = Arc::new(Mutex::new(schedule(requests, every)));
    let tasks = open.into_iter().map(|mut connection| {
        let due = Arc::clone(&due);
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let next = due.lock().await.recv().await;
                let Some((at, request)) = next else { return latencies };
                connection.exchange(&request).await;
                latencies.push((at, at.elapsed()));
            }
        })
    });
    loaded(started, tasks.collect()).await
}

async fn loaded(started: Instant, tasks: Vec<JoinHandle<Vec<(Instant, Duration)>>>) -> Load {
    let (mut begun, mut latencies) = (None, Vec::new());
    for task in tasks {
        for (at, latency) in task.await.unwrap() {
            begun = Some(begun.map_or(at, |begun: Instant| begun.min(at)));
            latencies.push(latency);
        }
    }
    let took = started.elapsed();
    Load { begun: begun.unwrap_or(started), took, latency: Percentiles::of(latencies) }
}

/// One that is kept alive, for one request at a time.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: vec![0; 4096] }
    }

    async fn exchange(&mut self, request: &[u8]) {
        self.stream.write_all(request).await.unwrap();
        let mut read = 0;
        // The answer is small and comes with a length; its end is the JSON's.
        while !self.buffer[..read].ends_with(b"}") {
            let count = self.stream.read(&mut self.buffer[read..]).await.unwrap();
            assert!(count > 0, "the receiver closed the connection");
            read += count;
        }
        let answer = &self.buffer[..read];
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
    }
}
