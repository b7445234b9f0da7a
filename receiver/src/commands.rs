//! What the receiver's process can be asked to do: receive, and, beside that, say whether it can.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use shared::healthcheck::{self, Question};
use shared::settings::parse_listener;
use shared::{shutdown, telemetry, terminal};

use crate::settings::ReceiverSettings;

// The command line. Without a subcommand it receives.
#[allow(missing_docs, reason = "a help text, instead of which the settings' own is shown")]
#[derive(Debug, Parser)]
#[command(name = "receiver", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: ReceiverSettings,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask a receiver on this machine whether it takes deliveries; exit 0 if so, else 1
    Healthcheck(HealthcheckCommand),
}

/// Asks a receiver on this machine whether it takes deliveries, and says what it waits for if not.
#[derive(Args, Debug)]
struct HealthcheckCommand {
    /// The receiver's admin listener
    #[arg(long, env, default_value = "127.0.0.1:9090", value_parser = parse_listener)]
    admin_listen: SocketAddr,
    /// Ask only whether the process answers
    #[arg(long)]
    live: bool,
}

impl Cli {
    /// Runs to the end. Errors go to standard error, one line each.
    pub async fn execute(self) -> ExitCode {
        if let Some(Command::Healthcheck(command)) = self.command {
            let question = if command.live { Question::Live } else { Question::Ready };
            return healthcheck::run(command.admin_listen, question).await;
        }
        match receive(&self.settings).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                terminal::complain(format_args!("receiver: {error:#}"));
                ExitCode::from(2)
            }
        }
    }
}

async fn receive(settings: &ReceiverSettings) -> anyhow::Result<()> {
    settings.check()?;
    telemetry::init(&settings.log)?;
    crate::run(settings, shutdown::on_signal()?).await
}
