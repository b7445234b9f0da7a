//! For integration tests on real servers and data files: names of one's own, a look into queues,
//! captured deliveries, networks and disks that fail on demand. Compiled only with the feature
//! `testing`.
//!
//! Panics freely: a test that cannot reach its servers fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test stops at what it did not expect"
)]

mod collector;
mod data_file;
mod database;
mod engine;
mod patience;
mod payloads;
mod place;
mod proxy;
mod queues;
mod settings_table;

pub use collector::{Collector, Mood, SentSpan};
pub use data_file::{DataFile, Loan, Write};
pub use database::{DatabaseEngine, TestDatabase, on_every_database};
pub use engine::{Engine, on_every_engine};
pub use patience::{PATIENCE, within};
pub use payloads::{Payload, payloads};
pub use place::Place;
pub use proxy::Proxy;
pub use queues::{Letter, Queues};
pub use settings_table::{assert_settings_are_documented, settings_table};

/// RabbitMQ for tests, as `scripts/services env` names it.
pub fn amqp_url() -> String {
    required("HUBLINE_TEST_AMQP_URL")
}

/// Where RabbitMQ's own metrics are read in tests: `host:port`.
pub fn rabbitmq_metrics() -> String {
    required("HUBLINE_TEST_RABBITMQ_METRICS")
}

/// Redis for tests, as `scripts/services env` names it.
pub fn redis_url() -> String {
    required("HUBLINE_TEST_REDIS_URL")
}

/// A prefix that no other test has.
pub fn prefix() -> String {
    format!("t{:016x}", rand::random::<u64>())
}

/// PostgreSQL for tests, as `scripts/services env` names it.
pub fn database_url() -> String {
    required("HUBLINE_TEST_DATABASE_URL")
}

fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run the tests through scripts/test, or `eval \"$(scripts/services up)\"` first")
    })
}
