//! `worker healthcheck`: whether the worker or console beside it can do its work.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::Args;
use shared::healthcheck::{self, Question};
use shared::settings::parse_listener;

use super::data::Data;

/// Where a program listens unless told otherwise.
const WORKER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9091);
const STANDALONE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// Asks a worker, a console or a standalone on this machine whether it can do its work, and says what
/// it waits for if not. Exits 0 if it can, else 1.
#[derive(Args, Clone, Debug)]
pub struct HealthcheckCommand {
    /// Its admin listener. Without it a standalone that runs here is asked on 127.0.0.1:9090, else a
    /// worker on 127.0.0.1:9091; a console's is on port 9092
    #[arg(long, env, value_parser = parse_listener)]
    admin_listen: Option<SocketAddr>,
    #[command(flatten)]
    data: Data,
    /// Ask only whether the process answers
    #[arg(long)]
    live: bool,
}

impl HealthcheckCommand {
    pub(super) async fn execute(self) -> ExitCode {
        let question = if self.live { Question::Live } else { Question::Ready };
        healthcheck::run(self.asked(), question).await
    }

    /// Whom to ask.
    fn asked(&self) -> SocketAddr {
        admin_of(self.admin_listen, &self.data)
    }
}

/// The admin listener that is meant, if nobody says which.
pub(super) fn admin_of(told: Option<SocketAddr>, data: &Data) -> SocketAddr {
    let default = || if data.running().is_some() { STANDALONE } else { WORKER };
    told.unwrap_or_else(default)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use shared::store::Store;

    use super::*;

    #[tokio::test]
    async fn a_standalone_that_runs_is_asked_where_it_listens_and_else_a_worker() {
        let room = std::env::temp_dir().join(format!("hubline-{:016x}", rand::random::<u64>()));
        let mut command =
            HealthcheckCommand { admin_listen: None, data: Data::at(&room), live: false };
        assert_eq!(command.asked(), WORKER, "nothing is there");
        let store = Store::open(&room).await.unwrap();
        assert_eq!(command.asked(), STANDALONE, "it runs");
        command.admin_listen = Some(([127, 0, 0, 1], 7).into());
        assert_eq!(command.asked(), ([127, 0, 0, 1], 7).into(), "it is told");
        command.admin_listen = None;
        let closed = store.closed();
        drop(store);
        closed.await;
        assert_eq!(command.asked(), WORKER, "it has ended");
        std::fs::remove_dir_all(&room).unwrap();
    }
}
