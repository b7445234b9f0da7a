//! Wiring of the worker's process.

use std::process::ExitCode;

use clap::Parser as _;
use worker::parts::commands::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().execute().await
}
