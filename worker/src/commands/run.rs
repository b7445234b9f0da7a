//! `worker run`: the built-in handlers on RabbitMQ and Redis.

use std::process::ExitCode;

use clap::Args;
use shared::{shutdown, telemetry};

use crate::handlers;
use crate::settings::WorkerSettings;

/// Takes events from the broker and runs the handlers until SIGTERM.
#[derive(Args, Clone, Debug)]
pub struct RunCommand {
    /// Everything else.
    #[command(flatten)]
    pub settings: WorkerSettings,
}

impl RunCommand {
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        let settings = self.settings;
        settings.check()?;
        telemetry::init(&settings.log)?;
        let registry = handlers::registry(&settings.processing.integrations)?;
        crate::run(&settings, registry, shutdown::on_signal()?).await?;
        Ok(ExitCode::SUCCESS)
    }
}
