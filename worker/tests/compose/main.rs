//! compose.yaml and the Dockerfile: what in them must fit the programs and one another, and, outside
//! containers, that all of it together is a working cluster. What needs no server is checked by itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod asked_of_redis;
mod cluster;
mod file;
mod image;
mod program;
mod restart;
mod rights;
mod rules;
mod secrets;
mod servers;
mod settings;
mod start;
