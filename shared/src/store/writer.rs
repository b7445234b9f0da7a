//! The one thread that writes: takes whatever waits, runs all of it in one transaction, and
//! tells each that asked once the commit is on the disk.

use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use sqlx::SqlitePool;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::errand::{Errand, Lasting};
use super::fault::Fault;
use super::inbox::{BATCH, Inbox};
use super::metrics::StoreMetrics;
use super::turn::Turn;
use crate::link::Link;

mod commit;
mod log;

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

/// The thread's own. Dropped in this order: the file is closed before the directory is free for others, and only
/// then is it said.
pub(super) struct Writer {
    turn: Turn,
    _lock: Arc<File>,
    link: Announced,
    metrics: StoreMetrics,
    /// Closed before the file: only who writes can tidy up, and the last to close does.
    reader: SqlitePool,
    /// Where those who read are waited for.
    runtime: Handle,
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
    /// Within a runtime.
    pub(super) fn new(
        turn: Turn,
        lock: Arc<File>,
        link: watch::Sender<Link>,
        metrics: StoreMetrics,
        reader: SqlitePool,
    ) -> Self {
        Self {
            turn,
            _lock: lock,
            link: Announced(link, metrics.up.clone()),
            metrics,
            reader,
            runtime: Handle::current(),
            is_damaged: false,
            unsynced: Some(Instant::now()),
            has_hole: false,
            commits: 0,
            high_ms: 0,
        }
    }

    /// Writes until nobody is left to ask.
    pub(super) fn serve(mut self, inbox: Inbox) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut next_probe = Instant::now();
        loop {
            let is_failing = self.state() == State::Failing;
            if is_failing && Instant::now() >= next_probe {
                // Also while there is always something to write, which alone proves too little.
                self.probe();
                next_probe = Instant::now() + PROBE;
                continue;
            }
            let received = if is_failing {
                inbox.receive(&mut batch, Some(next_probe))
            } else {
                next_probe = Instant::now() + PROBE;
                self.receive(&inbox, &mut batch)
            };
            match received {
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if is_failing => continue,
                // What was written is to be synced.
                Err(RecvTimeoutError::Timeout) | Ok(()) => {}
            }
            // Dropped: whoever asked is told that nothing was written. What is only looked at does no harm.
            if self.is_damaged {
                batch.clear();
                continue;
            }
            if self.has_hole {
                batch.retain(|errand| errand.lasting == Lasting::Nothing);
            }
            self.write(&mut batch);
            self.checkpoint();
        }
        drop(inbox);
        self.runtime.block_on(self.reader.close());
    }

    /// Takes what waits, or nothing in time for what was written to be synced.
    fn receive(&self, inbox: &Inbox, batch: &mut Vec<Errand>) -> Result<(), RecvTimeoutError> {
        inbox.receive(batch, self.unsynced.map(|since| since + UNSYNCED))?;
        let began = Instant::now();
        // As long as the one that is in the greatest hurry.
        while batch.len() < BATCH
            && let Some(patience) = batch.iter().map(|errand| errand.lasting.patience()).min()
            && !patience.is_zero()
            && inbox.receive(batch, Some(began + patience)).is_ok()
        {}
        Ok(())
    }

    fn state(&self) -> State {
        match *self.link.0.borrow() {
            Link::Up => State::Writing,
            _ if self.is_damaged => State::Damaged,
            _ => State::Failing,
        }
    }

    /// Writes what is awaited of `batch` and tells those who wait. An errand that fails by its own
    /// fault is left out; whatever else fails is the fault of all.
    fn write(&mut self, batch: &mut Vec<Errand>) {
        let started = Instant::now();
        let mut replies = Vec::with_capacity(batch.len());
        match self.commit(batch, &mut replies) {
            Ok(Committed { writes, is_synced }) => {
                if is_synced {
                    self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
                }
                self.metrics.writes.inc_by(writes);
                for tell in replies {
                    tell();
                }
            }
            Err(fault) => {
                let _ = self.turn.execute("ROLLBACK");
                self.failed(&fault);
                batch.clear();
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
