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
mod dice;
mod engine;
mod patience;
mod payloads;
mod place;
mod proxy;
mod queues;
mod servers;
mod settings_table;

pub use collector::{Collector, Mood, SentSpan};
pub use data_file::{DataFile, Loan, Write};
pub use database::{DatabaseEngine, TestDatabase, on_every_database};
pub use dice::Dice;
pub use engine::{Engine, on_every_engine};
pub use patience::{PATIENCE, within};
pub use payloads::{Payload, payloads};
pub use place::Place;
pub use proxy::Proxy;
pub use queues::{Letter, Queues};
pub use servers::{amqp_url, database_url, prefix, rabbitmq_metrics, redis_url};
pub use settings_table::{assert_settings_are_documented, settings_table};
