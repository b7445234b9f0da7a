//! The receiver as a whole, on a real RabbitMQ and on a data file: what it answers, and what then
//! stands in the queues. What touches no queue, or tells of RabbitMQ or of the process, runs once.
//! One binary, so that it links once; run it through `scripts/test`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect"
)]

mod admin;
mod answer;
mod broker;
mod confirm;
mod delivery;
mod documentation;
mod events;
mod fixture;
mod healthcheck;
mod load;
mod outage;
mod process;
mod receipt;
mod refusal;
mod rights;
mod shutdown;
mod signature;
mod silent;
mod socket;
mod start;
mod strangers;
mod traces;
mod unreadable;
mod work;
