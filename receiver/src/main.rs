//! Wiring of the receiver's process.

use std::process::ExitCode;

use clap::Parser as _;
use receiver::settings::ReceiverSettings;
use shared::{shutdown, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    let settings = ReceiverSettings::parse();
    match start(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("receiver: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn start(settings: &ReceiverSettings) -> anyhow::Result<()> {
    settings.check()?;
    telemetry::init(&settings.log)?;
    receiver::run(settings, shutdown::on_signal()?).await
}
