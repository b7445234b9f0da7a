//! The load: signed deliveries over keep-alive connections, each connection one at a time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use shared::clock::now_ms;
use shared::senders::hubspot::signature::{ClientSecret, Version, sign};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const SECRET: &str = "benchmark-client-secret";

/// One event of the usual size (326 bytes with its comma), different for each `id`.
pub(crate) fn event(id: u64) -> String {
    format!(
        r#"{{"eventId":{id},"subscriptionId":4578255,"portalId":242711451,"appId":19635961,"occurredAt":1769081993375,"subscriptionType":"deal.propertyChange","attemptNumber":0,"objectId":267448862446,"propertyName":"dealstage","propertyValue":"presentationscheduled","changeSource":"CRM_UI","sourceId":"userId:52530071","changeFlag":"CREATED"}}"#
    )
}

/// `deliveries` signed requests of `events` each, all events different.
pub(crate) fn requests(deliveries: usize, events: usize) -> Vec<Vec<u8>> {
    let secret = ClientSecret::new(SECRET.to_owned()).unwrap();
    // Ten digits, as HubSpot's are.
    let first = 1_000_000_000 + rand::random::<u32>() / 2;
    (0..deliveries)
        .map(|delivery| {
            let batch: Vec<String> = (0..events)
                .map(|index| event(u64::from(first) + (delivery * events + index) as u64))
                .collect();
            let body = format!("[{}]", batch.join(","));
            let timestamp = now_ms().to_string();
            let url = "https://bench.example.com/webhooks/hubspot";
            let signature = sign(Version::V3, &secret, "POST", url, body.as_bytes(), &timestamp);
            format!(
                "POST /webhooks/hubspot HTTP/1.1\r\nhost: bench.example.com\r\ncontent-type: application/json\r\nx-hubspot-signature-v3: {signature}\r\nx-hubspot-request-timestamp: {timestamp}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        })
        .collect()
}

/// What a run of the load showed.
pub(crate) struct Load {
    pub(crate) took: Duration,
    /// Time to each answer, ascending.
    pub(crate) latencies: Vec<Duration>,
}

impl Load {
    /// p50 and p99.
    pub(crate) fn percentiles(&self) -> (Duration, Duration) {
        let at = |share: f64| self.latencies[((self.latencies.len() - 1) as f64 * share) as usize];
        (at(0.5), at(0.99))
    }
}

/// Posts all requests over `connections`; every answer must be 200.
pub(crate) async fn post(address: SocketAddr, requests: Vec<Vec<u8>>, connections: usize) -> Load {
    let mut shares: Vec<Vec<Vec<u8>>> = (0..connections).map(|_| Vec::new()).collect();
    for (index, request) in requests.into_iter().enumerate() {
        shares[index % connections].push(request);
    }
    let started = Instant::now();
    let tasks: Vec<_> =
        shares.into_iter().map(|share| tokio::spawn(connection(address, share))).collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    let took = started.elapsed();
    latencies.sort();
    Load { took, latencies }
}

async fn connection(address: SocketAddr, requests: Vec<Vec<u8>>) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut latencies = Vec::with_capacity(requests.len());
    let mut buffer = vec![0; 4096];
    for request in requests {
        let started = Instant::now();
        stream.write_all(&request).await.unwrap();
        let mut read = 0;
        // The answer is small and comes with a length; its end is the JSON's.
        while !buffer[..read].ends_with(b"}") {
            let count = stream.read(&mut buffer[read..]).await.unwrap();
            assert!(count > 0, "the receiver closed the connection");
            read += count;
        }
        assert!(
            buffer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&buffer[..read])
        );
        latencies.push(started.elapsed());
    }
    latencies
}
