//! What is measured, of the bench and of the test that runs a little of all of it: raw lapin beside the
//! receiver and the worker, everything in one process beside the disk, deliveries at a fixed rate, tenants
//! and their destinations, and Node programs that do the same. All of a part in one run, in interleaved rounds.
//!
//! Every program under test is a process of its own (this binary again, told its role by its
//! environment), so that its CPU time and memory are its own too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark stops at what it did not expect and prints rounded figures"
)]

pub(crate) mod disk;
mod embedded;
pub(crate) mod http;
mod latency;
mod machine;
mod messages;
mod paced;
mod peers;
mod process;
mod queue;
mod raw;
pub(crate) mod report;
pub(crate) mod roles;
mod rounds;
mod scale;
mod tenants;

pub(crate) use report::Report;
pub(crate) use scale::{Part, Scale};

/// Whether this process is a program under test. If so, returns when that has ended.
pub(crate) async fn is_program() -> bool {
    install_provider();
    match std::env::var(process::ROLE).as_deref() {
        Ok("receiver") => roles::receiver().await,
        Ok("worker") => roles::worker().await,
        Ok("standalone") => roles::standalone().await,
        Ok(role) => panic!("no role is called `{role}`"),
        Err(_) => return false,
    }
    true
}

/// Measures a part, with queues under `prefix`, and prints what came of it.
pub(crate) async fn run(part: Part, scale: Scale, prefix: &str) -> Report {
    install_provider();
    let report = match part {
        Part::Embedded => embedded::run(scale).await,
        Part::Servers => rounds::run(scale, prefix).await,
        Part::Messages => messages::run(scale, prefix).await,
        Part::Latency => latency::run(scale, prefix).await,
        Part::Tenants => tenants::run(scale, prefix).await,
        Part::Peers => return peers::run().await,
    };
    report.print(part);
    report
}

/// reqwest takes the process's provider; an error says that one is installed already.
fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
