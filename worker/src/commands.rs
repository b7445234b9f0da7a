//! What an operator can run by hand: one file per subcommand.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shared::terminal;

pub mod console;
mod data;
pub mod dead_letters;
pub mod demo;
pub mod events;
mod given;
pub mod healthcheck;
mod input;
pub mod limits;
pub mod migrate;
mod origin_flags;
pub mod replay;
pub mod routes;
pub mod run;
pub mod send;
mod shown;
pub mod standalone;
pub mod tenants;

/// Runs Hubline's handlers for HubSpot's events, and everything an operator does by hand.
///
/// Every setting is an environment variable or the flag of the same name. Give secrets as
/// variables or files (…_FILE), not as flags: flags show in process lists.
#[derive(Debug, Parser)]
#[command(
    name = "worker",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  worker standalone --demo         see all of it work, without any server or setting
  worker run                       take events and run the built-in handlers
  worker send delivery.json        sign a delivery as HubSpot would and post it
  worker dead-letters groups       what was given up, by problem
  worker console                   the same and more in a browser
  worker limits                    how much of each limit is used, and who waits there
  worker run --help                every setting with its default

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, or it cannot start (a port or data file in use)."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take events from the broker and run the handlers, until SIGTERM
    Run(Box<run::RunCommand>),
    /// Receive, process and keep everything in this one process and one file, until SIGTERM
    Standalone(Box<standalone::StandaloneCommand>),
    /// Move what a stopped standalone has into a cluster of RabbitMQ and Redis
    Migrate(Box<migrate::MigrateCommand>),
    /// Sign deliveries as HubSpot would and post them to a receiver
    Send(send::SendCommand),
    /// Show what happened to an event, a record or an account, from the event log
    Events(Box<events::EventsCommand>),
    /// Find out what was given up and why; retry it, discard it, restore it, export it
    #[command(alias = "dlq")]
    DeadLetters(Box<dead_letters::DeadLettersCommand>),
    /// Run events of the event log once more
    Replay(Box<replay::ReplayCommand>),
    /// Serve the console for dead letters and the event log, until SIGTERM
    Console(Box<console::ConsoleCommand>),
    /// Show how much of each limit is used, who waits there, and which services are down
    Limits(limits::LimitsCommand),
    /// Check, list, test and change tenants, their destinations and routes; pause and resume them
    Tenants(Box<tenants::TenantsCommand>),
    /// See what a tenant's route would do with events, and why
    Routes(Box<routes::RoutesCommand>),
    /// Ask a worker, a console or a standalone on this machine whether it can do its work
    Healthcheck(healthcheck::HealthcheckCommand),
    /// Play HubSpot, Slack and the ERP, and show captured deliveries on their way
    #[command(hide = true)]
    Demo(demo::DemoCommand),
}

impl Cli {
    /// Runs the chosen command to its end. Errors go to standard error, one line each.
    pub async fn execute(self) -> ExitCode {
        let result = match self.command {
            Command::Run(command) => command.execute().await,
            Command::Standalone(command) => command.execute().await,
            Command::Migrate(command) => command.execute().await,
            Command::Send(command) => command.execute().await,
            Command::Events(command) => command.execute().await,
            Command::DeadLetters(command) => command.execute().await,
            Command::Replay(command) => command.execute().await,
            Command::Console(command) => command.execute().await,
            Command::Limits(command) => command.execute().await,
            Command::Tenants(command) => Ok(command.execute().await),
            Command::Routes(command) => Ok(command.execute().await),
            Command::Healthcheck(command) => Ok(command.execute().await),
            Command::Demo(command) => command.execute().await,
        };
        result.unwrap_or_else(|error| {
            terminal::complain(format_args!("worker: {error:#}"));
            ExitCode::from(2)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use clap::CommandFactory as _;

    use super::*;

    /// A command's help and that of all beneath it.
    fn helps(command: &mut clap::Command) -> Vec<String> {
        let mut all = vec![command.render_long_help().to_string()];
        all.extend(command.get_subcommands_mut().flat_map(helps));
        all
    }

    #[test]
    fn help_has_one_word_for_one_thing() {
        let mut cli = Cli::command();
        for name in ["events", "dead-letters", "replay"] {
            let command = cli.find_subcommand_mut(name).unwrap();
            for help in helps(command) {
                // A problem, a handler: what the code calls them is nobody's business.
                for word in ["fingerprint", "target"] {
                    assert!(!help.to_lowercase().contains(word), "{word} in {help}");
                }
                // Reads as "for so long" where it means the time of a death.
                let is_of_letters = name == "dead-letters";
                assert!(!(is_of_letters && help.contains("--until")), "{help}");
            }
        }
    }
}
