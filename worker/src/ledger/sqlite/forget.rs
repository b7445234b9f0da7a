//! Deletes what has expired, a little at a time: nobody else writes meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::params;
use shared::store::{NotWritten, Store};
use tokio::time::MissedTickBehavior;

const EVERY: Duration = Duration::from_secs(60);
/// Rows, or pages of the file, that one job deletes.
const CHUNK: u32 = 1000;

/// The same rows for both: nothing comes between two statements of a job.
const STEPS: &str = "DELETE FROM step WHERE id IN (SELECT step.id FROM \
    (SELECT id FROM claim WHERE expires_ms <= ? ORDER BY expires_ms, id LIMIT ?) AS gone \
    CROSS JOIN step ON step.id BETWEEN gone.id << 20 AND (gone.id << 20) + 1048575)";
const CLAIMS: &str = "DELETE FROM claim WHERE id IN \
    (SELECT id FROM claim WHERE expires_ms <= ? ORDER BY expires_ms, id LIMIT ?)";
/// A chunk of pages.
const VACUUM: &str = "PRAGMA incremental_vacuum(1000)";

pub(super) async fn every_minute(store: Arc<Store>) {
    let mut minutes = tokio::time::interval(EVERY);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        minutes.tick().await;
        // A file that takes no writes is tried again in a minute; that it does was logged.
        let _ = forget_expired(&store).await;
    }
}

/// Deletes expired entries with their steps, and gives the pages back.
pub(super) async fn forget_expired(store: &Store) -> Result<(), NotWritten> {
    while let (true, took) = timed(forget_entries(store)).await? {
        tokio::time::sleep(took).await;
    }
    // As many as are free now: others become free and are used again all the time.
    for _ in 0..free_pages(store).await?.div_ceil(CHUNK) {
        give_back_pages(store).await?;
    }
    Ok(())
}

/// With the time it took: as long again is left to others.
async fn timed(
    forgetting: impl Future<Output = Result<bool, NotWritten>>,
) -> Result<(bool, Duration), NotWritten> {
    let started = Instant::now();
    let is_full = forgetting.await?;
    Ok((is_full, started.elapsed()))
}

/// Whether there were as many as one job deletes.
async fn forget_entries(store: &Store) -> Result<bool, NotWritten> {
    let delete = store.write_in_company(|turn| {
        let mut deleted = 0;
        for statement in [STEPS, CLAIMS] {
            let mut delete = turn.connection.prepare_cached(statement)?;
            deleted = delete.execute(params![turn.now_ms(), CHUNK])?;
        }
        Ok(deleted as u64 == u64::from(CHUNK))
    });
    delete.await
}

async fn free_pages(store: &Store) -> Result<u32, NotWritten> {
    let count =
        store.look(|turn| turn.connection.query_row("PRAGMA freelist_count", [], |row| row.get(0)));
    count.await
}

async fn give_back_pages(store: &Store) -> Result<(), NotWritten> {
    let vacuum = store.write_in_company(|turn| {
        let mut vacuum = turn.connection.prepare(VACUUM)?;
        // Each step gives back one page.
        let mut steps = vacuum.query([])?;
        while steps.next()?.is_some() {}
        Ok(())
    });
    vacuum.await
}
