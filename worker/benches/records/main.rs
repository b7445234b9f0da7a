//! What PostgreSQL makes of many records: how fast dead letters come in and how long lists, groups
//! and one letter take, the same of the event log, and a bulk retry of many letters.
//! `cargo bench -p worker --bench records -- [letters N] [log N] [retry N]`, with
//! `scripts/services env` in the environment; without arguments all three, small.

#![allow(clippy::unwrap_used, reason = "a measurement stops at what it did not expect")]

use std::time::{Duration, Instant};

use secrecy::SecretString;
use shared::settings::BrokerSettings;
use shared::testing::{DatabaseEngine, Engine, Place, TestDatabase, amqp_url, prefix};
use worker::parts::records::Records;

mod letters;
mod log;
mod retry;

/// Longer than anything here takes when all is well.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Names of one part's own.
struct Setting {
    broker: BrokerSettings,
    queues: Place,
    database: TestDatabase,
    records: Records,
}

impl Setting {
    async fn new() -> Self {
        let broker = BrokerSettings {
            amqp_url: SecretString::from(amqp_url()),
            amqp_url_file: None,
            prefix: prefix(),
            work_shards: 1,
        };
        let queues = Place::new(Engine::Cluster, &broker, None).await;
        let database = TestDatabase::new(DatabaseEngine::Postgres).await;
        let records = Records::new(&SecretString::from(database.url())).unwrap();
        Self { broker, queues, database, records }
    }

    async fn end(self) {
        drop(self.records);
        self.queues.end().await;
        self.database.end().await;
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, small: u64| {
        let place = arguments.iter().position(|argument| argument == name);
        match place {
            Some(place) => Some(arguments[place + 1].parse::<u64>().unwrap()),
            None if ["letters", "log", "retry"]
                .iter()
                .any(|part| arguments.contains(&(*part).to_owned())) =>
            {
                None
            }
            None => Some(small),
        }
    };
    if let Some(count) = number("letters", 200_000) {
        letters::measure(count).await;
    }
    if let Some(count) = number("log", 500_000) {
        log::measure(count).await;
    }
    if let Some(count) = number("retry", 20_000) {
        retry::measure(count).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// Asked a few times: the slowest answer counts.
async fn slowest(name: &str, question: impl AsyncFn()) {
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        let started = Instant::now();
        question().await;
        slowest = slowest.max(started.elapsed());
    }
    println!("{name:<32} {:>8.1} ms", slowest.as_secs_f64() * 1000.0);
}
