//! The one task that writes: takes whatever waits, runs all of it in one transaction, and
//! tells each that asked once the commit is on the disk.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use sqlx::{Connection as _, SqlitePool};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::errand::{Errand, Lasting, Reply};
use super::fault::Fault;
use super::metrics::StoreMetrics;
use super::schema::CHECKPOINT_PAGES;
use super::turn::{Checkpoint, Checkpointed, Turn};
use crate::link::Link;

/// Errands of one transaction.
const BATCH: usize = 1024;
/// How long a write that is in no hurry waits for others.
const COMPANY: Duration = Duration::from_millis(200);
/// How long what was written may be without a sync of the disk, and how far the clock that is written may be
/// behind.
const UNSYNCED: Duration = Duration::from_millis(UNSYNCED_MS.cast_unsigned());
const UNSYNCED_MS: i64 = 1000;
/// Commits from one measuring of SQLite's log to the next: each may be of many megabytes.
const MEASURED_EVERY: u32 = 16;
/// While the file takes no writes, it is tried again so often.
const PROBE: Duration = Duration::from_secs(1);
/// With a quarter of a MiB: a row with a key that no entry has, and its end.
const PROBES: [&str; 2] = [
    "INSERT OR REPLACE INTO step VALUES (0, 'probe', hex(zeroblob(131072)))",
    "DELETE FROM step WHERE id = 0",
];

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
            if self.is_damaged || self.has_hole {
                // Dropped: whoever asked is told that nothing was written.
                batch.clear();
                continue;
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

    async fn commit(
        &mut self,
        errands: &mut Vec<Errand>,
        replies: &mut Vec<Reply>,
    ) -> Result<Committed, Fault> {
        let is_due = self.unsynced.is_some_and(|since| since.elapsed() >= UNSYNCED);
        let is_needed = errands.iter().any(|errand| errand.lasting == Lasting::Disk);
        let syncs = is_due || is_needed;
        let turn = &mut self.turn;
        turn.now_ms = turn.clock.now_ms();
        turn.sync(syncs).await?;
        turn.execute("BEGIN IMMEDIATE").await?;
        // What is alone needs no mark to be undone to.
        let is_alone = errands.len() == 1;
        let mut writes = 0;
        // One by one: who is left when all fails must not hear of it yet.
        errands.reverse();
        while let Some(errand) = errands.pop() {
            // Its sender has been told no, and will come again: written now, it would be there twice.
            if errand.is_abandoned() {
                continue;
            }
            let is_write = errand.lasting != Lasting::Nothing;
            let is_marked = is_write && !is_alone;
            if is_marked {
                turn.execute("SAVEPOINT errand").await?;
            }
            let (tell, done) = errand.run(turn).await;
            replies.push(tell);
            match done {
                Ok(()) => writes += u64::from(is_write),
                Err(Fault::Own(why)) => {
                    self.metrics.failures.inc();
                    tracing::error!(
                        error = why,
                        "a write to the data file failed by its own fault"
                    );
                    if is_marked {
                        turn.execute("ROLLBACK TO errand").await?;
                    } else if is_write {
                        turn.execute("ROLLBACK").await?;
                        turn.execute("BEGIN IMMEDIATE").await?;
                    }
                }
                Err(fault) => return Err(fault),
            }
            if is_marked {
                turn.execute("RELEASE errand").await?;
            }
        }
        // Without a page that has changed SQLite syncs nothing, and who knows whether the errands changed one.
        let tells_time = is_due || (writes > 0 && turn.now_ms - self.high_ms >= UNSYNCED_MS);
        let high_ms = turn.now_ms.max(self.high_ms + 1);
        if tells_time {
            let high = sqlx::query("UPDATE clock SET high_ms = ?").bind(high_ms);
            high.execute(&mut turn.connection)
                .await
                .map_err(|error| Fault::from(error).of_all())?;
        }
        turn.execute("COMMIT").await?;
        if tells_time {
            self.high_ms = high_ms;
        }
        if tells_time && syncs {
            self.unsynced = None;
        } else if writes > 0 && !syncs {
            self.unsynced.get_or_insert_with(Instant::now);
        }
        self.commits += 1;
        Ok(Committed { writes, is_synced: syncs && (writes > 0 || tells_time) })
    }

    /// Brings SQLite's log into the file once it is long. SQLite would do that by itself, but would keep to
    /// itself that a sync has failed on the way.
    async fn checkpoint(&mut self) -> Option<Fault> {
        if self.commits < MEASURED_EVERY || self.state() != State::Writing {
            return None;
        }
        self.commits = 0;
        let checkpointed = async {
            if self.turn.checkpoint(Checkpoint::Noop).await?.pages >= CHECKPOINT_PAGES {
                self.turn.checkpoint(Checkpoint::Passive).await?;
            }
            Ok::<_, Fault>(())
        };
        let fault = checkpointed.await.err()?;
        self.failed(&fault);
        Some(fault)
    }

    /// Finds out whether there is room again, for more than would fit into the file as it is: else
    /// it would seem well until the next message.
    async fn probe(&mut self) {
        if let Err(fault) = self.probed().await {
            let why = fault.to_string();
            let is_news = !matches!(&*self.link.0.borrow(), Link::Down(known) if **known == *why);
            if is_news {
                tracing::warn!(error = why, "the data file takes no writes yet");
                self.link.0.send_replace(Link::Down(Arc::from(why)));
            }
            return;
        }
        self.has_hole = false;
        tracing::info!("the data file takes writes again");
        self.metrics.up.set(1);
        self.link.0.send_replace(Link::Up);
    }

    async fn probed(&mut self) -> Result<(), Fault> {
        self.turn.sync(true).await?;
        for statement in PROBES {
            self.turn.execute(statement).await?;
        }
        if self.has_hole {
            // With the log begun anew nothing stands behind the hole.
            let Checkpointed { is_busy, .. } = self.turn.checkpoint(Checkpoint::Truncate).await?;
            if is_busy {
                let why = "somebody reads it, and its log cannot be begun anew meanwhile";
                return Err(Fault::Disk(why.to_owned()));
            }
        }
        Ok(())
    }
}
