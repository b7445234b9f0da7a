//! The dead letters that are in the records already, into RabbitMQ's `dead`, from which the cluster's
//! records take them: published, confirmed, let go of.

use shared::broker::{Publication, Route};

use super::cluster::Cluster;
use super::error::MigrateError;
use super::moved::Moved;
use super::progress::Progress;
use crate::records::dead_letters::DeadLetters;

/// Moves every letter that somebody still has to do with.
pub(super) async fn drain(
    letters: &DeadLetters,
    cluster: &Cluster,
    mut progress: Progress,
    moved: &mut Moved,
) -> Result<(), MigrateError> {
    loop {
        cluster.patience.check()?;
        let some = letters.next_open().await.map_err(MigrateError::Records)?;
        if some.is_empty() {
            return Ok(());
        }
        let (ids, messages): (Vec<i64>, Vec<_>) = some.into_iter().unzip();
        let batch: Vec<Publication> = messages
            .into_iter()
            .map(|message| Publication { route: Route::Dead, message })
            .collect();
        cluster.publish(&batch).await?;
        letters.handed_over(&ids).await.map_err(MigrateError::Records)?;
        moved.letters += ids.len() as u64;
        progress.advance(ids.len() as u64);
    }
}
