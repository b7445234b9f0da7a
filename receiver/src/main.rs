//! Wiring of the receiver's process.

use std::process::ExitCode;

use clap::Parser as _;
use receiver::commands::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().execute().await
}
