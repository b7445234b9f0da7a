//! The ledger's entries, from the file to Redis: all of them, in the order in which they were made.

use super::cluster::Cluster;
use super::error::MigrateError;
use super::moved::Moved;
use super::progress::Progress;
use super::source::Source;

/// Entries read, and asked for at Redis, at once.
const PAGE: u32 = 1024;

/// Copies every entry that has not expired.
pub(super) async fn copy(
    source: &Source,
    cluster: &Cluster,
    mut progress: Progress,
    moved: &mut Moved,
) -> Result<(), MigrateError> {
    let mut after = 0;
    loop {
        cluster.patience.check()?;
        let entries = source.entries(&mut after, PAGE).await?;
        if entries.is_empty() {
            return Ok(());
        }
        let written = cluster.import(&entries).await?;
        let count = entries.len() as u64;
        moved.entries_written += written;
        moved.entries_there += count.saturating_sub(written);
        progress.advance(count);
    }
}
