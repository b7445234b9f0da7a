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

mod cluster;
mod error;
mod ledger;
mod letters;
mod messages;
mod moved;
mod patience;
mod progress;
mod records;
mod source;

pub(crate) use cluster::{Cluster, Destination};
use error::MigrateError;
pub(crate) use moved::Moved;
pub(crate) use patience::Patience;
pub(crate) use source::{Inventory, Source};

use progress::Progress;

/// Moves all that `source` has, as counted in `inventory`.
pub(crate) async fn run(
    source: &Source,
    inventory: &Inventory,
    cluster: &Cluster,
) -> Result<Moved, MigrateError> {
    let mut moved = Moved::default();
    records::carry_first(source, cluster, &mut moved).await?;
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
