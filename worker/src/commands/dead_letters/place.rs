//! Where the letters are: the records, and the queues that new ones wait in.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use shared::broker::{Broker, Embedded, Topology};
use shared::settings::BrokerSettings;
use shared::store::{self, Store};

use super::output::{complain, exit_code};
use crate::commands::data::{Data, is_in_use};
use crate::records::Records;
use crate::records::dead_letters::{DeadLetters, drain};
use crate::settings::RecordsSettings;

/// How long new letters are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the letters are.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Where the letters are")]
pub(in crate::commands) struct Place {
    #[command(flatten)]
    data: Data,
    /// Do not look into the queues for new letters first
    #[arg(long)]
    no_index: bool,
    /// Records.
    #[command(flatten)]
    pub(in crate::commands) records: RecordsSettings,
    /// RabbitMQ.
    #[command(flatten)]
    broker: BrokerSettings,
}

/// Who works on jobs.
pub(in crate::commands) enum Hands {
    /// This process, beside whoever else does: on a cluster.
    Ours(Broker),
    /// The standalone that is running.
    Theirs,
    /// A standalone, once it is started.
    Later,
}

/// What is done with the letters.
pub(in crate::commands) trait Act {
    /// Does it; false if it could not be done.
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool>;
}

impl Place {
    /// Opens the records, takes new letters in, and acts. Wrong settings are an error.
    pub(in crate::commands) async fn with(&self, action: &impl Act) -> anyhow::Result<ExitCode> {
        self.records.check()?;
        let data = self.data.told(&self.records)?;
        let records = self.open(data.as_deref())?;
        let letters = DeadLetters::new(records.clone());
        // Once for all that is to come, so that it is said once.
        let done = match records.ping().await {
            Ok(()) => {
                if !self.no_index {
                    self.take_new(&letters, data.as_deref()).await;
                }
                action.act(&letters).await
            }
            Err(error) => Err(error),
        };
        records.close().await;
        Ok(exit_code(done))
    }

    fn open(&self, data: Option<&Path>) -> anyhow::Result<Records> {
        let has_queues = |directory: &Path| directory.join(store::FILE).is_file();
        match data {
            // One that has not been run since there are records.
            Some(data) if self.records.url()?.is_none() && has_queues(data) => {
                Ok(Records::in_directory(data))
            }
            data => Records::open_for_reading(&self.records, data),
        }
    }

    /// Takes new letters into the records. What prevents it is said, and is no reason not to go on
    /// with what is there.
    async fn take_new(&self, letters: &DeadLetters, data: Option<&Path>) {
        let taking = match data {
            Some(directory) => take_from_file(letters, directory).await,
            None => self.take_from_broker(letters).await,
        };
        match taking {
            Ok(true) => {}
            Ok(false) => complain(
                "not all new letters are in the records yet: RabbitMQ cannot be reached or they are \
                 many; --no-index goes without",
            ),
            Err(error) => complain(format_args!("new letters are not shown: {error:#}")),
        }
    }

    async fn take_from_broker(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        Ok(drain(letters, &self.cluster()?, PATIENCE).await?.complete)
    }

    /// RabbitMQ, where the settings say it is.
    fn cluster(&self) -> anyhow::Result<Broker> {
        let settings = self.broker.clone();
        settings.hosts()?;
        let topology = Topology::new(&settings.prefix, settings.work_shards, None);
        Ok(Broker::RabbitMq { settings, topology })
    }

    /// Who works on the jobs that are made here.
    pub(in crate::commands) fn hands(&self) -> anyhow::Result<Hands> {
        Ok(match self.data.directory(&self.records)? {
            None => Hands::Ours(self.cluster()?),
            Some(directory) if is_in_use(&directory)? => Hands::Theirs,
            Some(_) => Hands::Later,
        })
    }
}

/// If the directory is in use its process takes the letters.
async fn take_from_file(letters: &DeadLetters, directory: &Path) -> anyhow::Result<bool> {
    if !directory.join(store::FILE).is_file() || is_in_use(directory)? {
        return Ok(true);
    }
    let store = Arc::new(Store::open(directory).await?);
    let closed = store.closed();
    let broker = Broker::Sqlite(Embedded::new(store));
    let drained = drain(letters, &broker, PATIENCE).await;
    drop(broker);
    closed.await;
    Ok(drained?.complete)
}
