//! Moves what a stopped embedded Hubline has into a cluster: its ledger to Redis, and only then
//! its messages to RabbitMQ. Reads the data file with nobody else in it and starts no worker.
//!
//! The ledger goes first, because the messages mean nothing without it: an event that comes to a
//! worker before its entry would be done again, steps and all. An entry is written only where
//! Redis has none, so that a run which goes on after an interruption takes nothing back from
//! workers that have gone on meanwhile.
//!
//! Messages go in batches: published, every one of them confirmed, and only then deleted from the
//! file. Whatever happens, a message is in the file or on the broker. It is in both when the
//! process or its machine ends between a batch's confirms and its deletion: the next run
//! publishes that batch again. The copies have the identity and the attempt of the first, so the
//! ledger tells them as it tells any: `Completed` if the first is done, `Stale` if a later attempt
//! is on its way, `Held` while it runs. Copies of dead letters lie in the dead letters, told by
//! identity and target alone.
//!
//! Dead letters that are in the records beside the file go the same way into the cluster's `dead`, and
//! are discarded in the records they came from. Who was erased for privacy goes into the cluster's records
//! first of all: a late retry of such a contact's event may die there, with its content. Audit, notes and
//! jobs go there at the end. The event log stays where it is.
//!
//! The file keeps its ledger: entries that are on Redis already do no harm a second time, and
//! until the directory is removed they can be written again should Redis lose them. Removing it
//! is its owner's to do.

use std::time::Duration;

use shared::retry::delay_name;

mod cluster;
mod ledger;
mod letters;
mod messages;
mod patience;
mod progress;
mod records;
mod source;

pub(crate) use cluster::{Cluster, Destination};
pub(crate) use patience::Patience;
pub(crate) use source::{Inventory, Source};

use progress::Progress;

use crate::records::Carried;

/// Why a migration ended early. It can always be taken up again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MigrateError {
    /// It was told to.
    #[error("interrupted")]
    Interrupted,
    /// A server could not be reached, or took nothing, for too long.
    #[error("{server} has failed for {}: {reason}", delay_name(*.patience))]
    Server { server: String, patience: Duration, reason: String },
    /// The data file cannot be read.
    #[error("cannot read the data file: {0}")]
    Read(#[from] sqlx::Error),
    /// The records beside the data file cannot be read or written.
    #[error("the records cannot be used: {0:#}")]
    Records(anyhow::Error),
    /// The data file takes no writes.
    #[error("the data file takes no writes: {0}")]
    Write(String),
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Entries that Redis did not have.
    pub(crate) entries_written: u64,
    /// Entries that it had.
    pub(crate) entries_there: u64,
    /// Messages that are on the broker and not in the file any more.
    pub(crate) messages: u64,
    /// Those among them that could not be read: dead letters now.
    pub(crate) unreadable: u64,
    /// Dead letters out of the records.
    pub(crate) letters: u64,
    /// What else of the records is in the cluster's now and was not.
    pub(crate) records: Carried,
}

/// Moves all that `source` has, as counted in `inventory`.
pub(crate) async fn run(
    source: &Source,
    inventory: &Inventory,
    cluster: &Cluster,
) -> Result<Moved, MigrateError> {
    let mut moved = Moved::default();
    records::carry_erased(source, cluster, &mut moved).await?;
    let progress = Progress::new("ledger entries", inventory.entries);
    ledger::copy(source, cluster, progress, &mut moved).await?;
    let progress = Progress::new("messages", inventory.messages());
    messages::drain(source, cluster, progress, &mut moved).await?;
    if let Some(letters) = source.letters() {
        let progress = Progress::new("dead letters", inventory.letters);
        letters::drain(letters, cluster, progress, &mut moved).await?;
    }
    records::carry_rest(source, cluster, &mut moved).await?;
    Ok(moved)
}
