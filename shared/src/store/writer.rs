//! The one task that writes: takes whatever waits, runs all of it in one transaction, and
//! tells each that asked once the commit is on the disk.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use sqlx::{Connection as _, SqlitePool};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::errand::{Errand, Lasting};
use super::fault::Fault;
use super::metrics::StoreMetrics;
use super::turn::Turn;
use crate::link::Link;

mod commit;
mod log;

/// Errands of one transaction.
const BATCH: usize = 1024;
/// How long a write that is in no hurry waits for others.
const COMPANY: Duration = Duration::from_millis(200);
/// How long what was written may be without a sync of the disk, and how far the clock that is written may be
/// behind.
const UNSYNCED: Duration = Duration::from_millis(UNSYNCED_MS.cast_unsigned());
const UNSYNCED_MS: i64 = 1000;
/// While the file takes no writes, it is tried again so often.
const PROBE: Duration = Duration::from_secs(1);

/// Says that nothing is written any more when the writer ends, whatever ended it: whoever waits
/// for better times must not find them come.
struct Announced(watch::Sender<Link>, Gauge);

impl Drop for Announced {
    fn drop(&mut self) {
        self.1.set(0);
        self.0.send_replace(Link::Down(Arc::from("its writer has ended")));
    }
}

/// The task's own.
pub(super) struct Writer {
    turn: Turn,
    link: Announced,
    metrics: StoreMetrics,
    /// Closed with the file: the last connection to close tidies up.
    reader: SqlitePool,
    /// For good: no write may make it worse.
    is_damaged: bool,
    /// Since when something has been written without a sync of the disk that surely was one. At the start an
    /// earlier process may have left something.
    unsynced: Option<Instant>,
    /// Whether a failed sync may have left a hole in SQLite's log, behind which nothing would be found again.
    has_hole: bool,
    /// Commits since the log was measured.
    commits: u32,
    /// The time that was written last, ms since the Unix epoch.
    high_ms: i64,
}

/// What came of a transaction.
struct Committed {
    /// How many of the errands were writes.
    writes: u64,
    is_synced: bool,
}

/// How the file fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Writing,
    Failing,
    Damaged,
}

impl Writer {
    pub(super) fn new(
        turn: Turn,
        link: watch::Sender<Link>,
        metrics: StoreMetrics,
        reader: SqlitePool,
    ) -> Self {
        let link = Announced(link, metrics.up.clone());
        let (unsynced, high_ms) = (Some(Instant::now()), 0);
        let (is_damaged, has_hole, commits) = (false, false, 0);
        Self { turn, link, metrics, reader, is_damaged, unsynced, has_hole, commits, high_ms }
    }

    /// Writes until nobody is left to ask.
    pub(super) async fn serve(
        mut self,
        mut waiting: mpsc::UnboundedReceiver<Errand>,
        _lock: Arc<File>,
    ) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut next_probe = Instant::now();
        loop {
            if self.state() == State::Failing && Instant::now() >= next_probe {
                // Also while there is always something to write, which alone proves too little.
                self.probe().await;
                next_probe = Instant::now() + PROBE;
                continue;
            }
            let is_open = if self.state() == State::Failing {
                match timeout_at(next_probe, waiting.recv_many(&mut batch, BATCH)).await {
                    Ok(got) => got > 0,
                    Err(_) => continue,
                }
            } else {
                next_probe = Instant::now() + PROBE;
                self.receive(&mut waiting, &mut batch).await
            };
            if !is_open {
                break;
            }
            // Dropped: whoever asked is told that nothing was written. What is only looked at does no harm.
            if self.is_damaged {
                batch.clear();
                continue;
            }
            if self.has_hole {
                batch.retain(|errand| errand.lasting == Lasting::Nothing);
            }
            let mut fault = self.write(&mut batch).await;
            if fault.is_none() {
                fault = self.checkpoint().await;
            }
            if let Some(Fault::Gone(why)) = fault {
                tracing::error!(error = why, "the data file's connection is gone");
                break;
            }
        }
        // Whoever still waits, or asks from now on, is told at once: closing may take its time.
        drop(waiting);
        self.reader.close().await;
        let _ = self.turn.connection.close().await;
    }

    /// Takes what waits, or nothing when what was written is to be synced; false if nothing more will come.
    async fn receive(
        &self,
        waiting: &mut mpsc::UnboundedReceiver<Errand>,
        batch: &mut Vec<Errand>,
    ) -> bool {
        let receiving = waiting.recv_many(batch, BATCH);
        let got = match self.unsynced {
            None => receiving.await,
            Some(since) => match timeout_at(since + UNSYNCED, receiving).await {
                Ok(got) => got,
                Err(_) => return true,
            },
        };
        let until = Instant::now() + COMPANY;
        while (1..BATCH).contains(&batch.len())
            && batch.iter().all(|errand| errand.lasting == Lasting::InCompany)
        {
            let receiving = waiting.recv_many(batch, BATCH - batch.len());
            if timeout_at(until, receiving).await.is_ok_and(|got| got > 0) {
                continue;
            }
            break;
        }
        got > 0
    }

    fn state(&self) -> State {
        match *self.link.0.borrow() {
            Link::Up => State::Writing,
            _ if self.is_damaged => State::Damaged,
            _ => State::Failing,
        }
    }

    /// Writes what is awaited of `batch` and tells those who wait. An errand that fails by its own
    /// fault is left out; whatever else fails is the fault of all, which is given.
    async fn write(&mut self, batch: &mut Vec<Errand>) -> Option<Fault> {
        let started = Instant::now();
        let mut replies = Vec::with_capacity(batch.len());
        match self.commit(batch, &mut replies).await {
            Ok(Committed { writes, is_synced }) => {
                if is_synced {
                    self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
                }
                self.metrics.writes.inc_by(writes);
                for tell in replies {
                    tell();
                }
                None
            }
            Err(fault) => {
                let _ = self.turn.execute("ROLLBACK").await;
                self.failed(&fault);
                batch.clear();
                Some(fault)
            }
        }
    }

    /// From now on nothing is written but to find out whether there can be.
    fn failed(&mut self, fault: &Fault) {
        match fault {
            Fault::Damage(why) => {
                self.is_damaged = true;
                tracing::error!(
                    error = why,
                    "the data file is damaged: stop, keep a copy, and restore a backup or use sqlite3's .recover"
                );
            }
            fault if self.state() == State::Writing => {
                tracing::error!(error = %fault, "the data file takes no writes: nothing is processed");
            }
            _ => {}
        }
        // Pages whose sync failed once are taken for written by the system.
        self.has_hole = true;
        if self.is_damaged {
            self.unsynced = None;
        }
        self.metrics.failures.inc();
        self.metrics.up.set(0);
        // Before those who asked hear of it: they look here for when to ask again.
        self.link.0.send_replace(Link::Down(Arc::from(fault.to_string())));
    }
}
