//! `worker healthcheck`: whether the worker or console beside it can do its work.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use shared::healthcheck::{self, Question};

/// Asks a worker, a console or a standalone on this machine whether it can do its work, and says what
/// it waits for if not. Exits 0 if it can, else 1.
#[derive(Args, Clone, Debug)]
pub struct HealthcheckCommand {
    /// Its admin listener; a console's is on port 9092 unless told otherwise
    #[arg(long, env, default_value = "127.0.0.1:9091")]
    admin_listen: SocketAddr,
    /// Ask only whether the process answers
    #[arg(long)]
    live: bool,
}

impl HealthcheckCommand {
    pub(super) async fn execute(self) -> ExitCode {
        let question = if self.live { Question::Live } else { Question::Ready };
        healthcheck::run(self.admin_listen, question).await
    }
}
