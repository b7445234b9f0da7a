//! `worker demo`: the show that `scripts/demo` puts on.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use secrecy::SecretString;

use crate::demo::{Demo, Servers};

/// Starts a receiver and a worker on the given servers, plays HubSpot's API, Slack and the ERP,
/// posts captured deliveries and shows each event's way. Exits 0 if all went as it should.
#[derive(Args, Clone, Debug)]
pub struct DemoCommand {
    /// RabbitMQ
    #[arg(long, env, hide_env_values = true)]
    amqp_url: SecretString,
    /// Redis
    #[arg(long, env, hide_env_values = true)]
    redis_url: SecretString,
    /// The receiver's program; by default beside this one
    #[arg(long)]
    receiver: Option<PathBuf>,
}

impl DemoCommand {
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        let worker = std::env::current_exe()?;
        let receiver = self.receiver.unwrap_or_else(|| worker.with_file_name("receiver"));
        anyhow::ensure!(
            receiver.exists(),
            "{} is not there: build it with `cargo build`",
            receiver.display()
        );
        let servers =
            Servers { amqp_url: self.amqp_url, redis_url: self.redis_url, receiver, worker };
        let mut demo = Demo::on_servers(&servers).await?;
        let all_well = demo.show().await?;
        demo.stop().await?;
        Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
