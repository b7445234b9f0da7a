//! The worker on real servers: RabbitMQ and Redis as `scripts/services` starts them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod handlers;
mod harness;

mod ages;
mod broker;
mod broker_restart;
mod browser;
mod child;
mod console;
mod crashes;
mod dead_letters;
mod documentation;
mod erasure;
mod event_log;
mod foreign;
mod frozen;
mod healthcheck;
mod hops;
mod jobs;
mod lanes;
mod ledger;
mod migrate;
mod neighbours;
mod panics;
mod patience;
mod portals;
mod prometheus;
mod records_file;
mod redis_restart;
mod retries;
mod shutdown;
mod standalone;
mod steps;
mod suspects;
mod targets;
mod tenants;
mod terminal;
mod traces;
mod two_workers;
