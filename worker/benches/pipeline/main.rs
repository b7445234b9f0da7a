//! Throughput as ratios: raw lapin beside the receiver and the worker, in one run, in
//! interleaved rounds; with the argument `embedded` everything in one process beside the disk; and
//! with `peers` receiver and worker beside Node programs. Run it through `scripts/bench`.
//!
//! Every program under test is a process of its own (this binary, told its role by its first
//! argument), so that its CPU time and memory are its own too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark stops at what it did not expect and prints rounded figures"
)]
#![allow(missing_docs, reason = "not a library")]

mod embedded;
mod http;
mod peers;
mod process;
mod raw;
mod report;
mod roles;
mod rounds;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // reqwest takes the process's provider; an error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let role = std::env::args().nth(1).unwrap_or_default();
    match role.as_str() {
        "receiver" => roles::receiver().await,
        "worker" => roles::worker().await,
        "standalone" => roles::standalone().await,
        "embedded" => embedded::run().await,
        "peers" => peers::run().await,
        // `cargo bench` passes `--bench`.
        _ => rounds::run().await,
    }
    ExitCode::SUCCESS
}
