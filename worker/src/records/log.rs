//! The event log: what became of every delivery, written in batches beside the work, which never
//! waits for it. A database that is away makes it late; one that is away for so long that memory
//! must not hold more makes gaps, which are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use shared::retry::Reconnect;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use self::rows::{contacts, ids, insert, merges};
use super::database::met_another;
use super::erasure::{catch_up, catch_up_merged};
use super::handle::Records;

mod logged;
mod rows;
#[cfg(test)]
mod tests;

/// Lines of one statement: SQLite takes 32,766 values, and each has 22.
const BATCH: usize = 500;
/// What may wait for the database, in bytes of memory.
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;
/// How far apart batches begin at least: each writes whole pages of many indexes, however few its lines.
const PACE: Duration = Duration::from_millis(250);
/// How long a batch may take.
const WRITE: Duration = Duration::from_secs(30);
/// How long the last lines may take at the end, and how long if the database is away.
pub(super) const FLUSH: Duration = Duration::from_secs(15);
const LATE_FLUSH: Duration = Duration::from_secs(3);

pub(crate) use logged::{Course, Logged};

/// Takes lines.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    lines: mpsc::UnboundedSender<Logged>,
    waiting: Arc<AtomicUsize>,
    metrics: LogMetrics,
}

/// Why the log is late, `None` while it is not.
pub(crate) type Lateness = watch::Receiver<Option<Arc<str>>>;

#[derive(Clone, Debug, Default)]
struct LogMetrics {
    written: Counter,
    dropped: Counter,
    failures: Counter,
    waiting: Gauge,
}

impl LogMetrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "log_entries",
            "Entries written to the event log",
            metrics.written.clone(),
        );
        registry.register(
            "log_dropped",
            "Entries of the event log given up: its database was away for too long",
            metrics.dropped.clone(),
        );
        registry.register(
            "log_failures",
            "Batches of the event log that the database did not take",
            metrics.failures.clone(),
        );
        registry.register(
            "log_waiting_bytes",
            "What waits in memory for the event log's database",
            metrics.waiting.clone(),
        );
        metrics
    }
}

impl Log {
    /// Keeps a line. Never waits.
    pub(crate) fn write(&self, line: Logged) {
        let bytes = line.bytes();
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if waiting > MAX_WAITING_BYTES || self.lines.send(line).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.metrics.dropped.inc();
            return;
        }
        self.metrics.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
}

/// The task that writes, and how it fares.
#[derive(Debug)]
pub(crate) struct Writer {
    task: JoinHandle<()>,
    closing: CancellationToken,
    waiting: Arc<AtomicUsize>,
    pub(crate) lateness: Lateness,
}

impl Writer {
    /// Starts writing to `records` in the background. What is measured goes into `registry`.
    pub(crate) fn start(records: Records, registry: &mut Registry) -> (Log, Self) {
        let (lines, waiting_lines) = mpsc::unbounded_channel();
        let (late, lateness) = watch::channel(None);
        let metrics = LogMetrics::register(registry);
        let log = Log { lines, waiting: Arc::default(), metrics: metrics.clone() };
        let closing = CancellationToken::new();
        let writing = Writing {
            records,
            lines: waiting_lines,
            closing: closing.clone(),
            waiting: Arc::clone(&log.waiting),
            metrics,
            late,
        };
        let task = tokio::spawn(writing.run());
        let writer = Self { task, closing, waiting: Arc::clone(&log.waiting), lateness };
        (log, writer)
    }

    /// Writes what waits, but does not wait long for a database that is away. Whoever still has a
    /// [`Log`], such as a run that hangs, has nobody who takes its lines any more: they are counted
    /// as dropped.
    pub(crate) async fn close(self) {
        let Self { mut task, closing, waiting, lateness } = self;
        closing.cancel();
        let is_written = tokio::select! {
            written = timeout(FLUSH, &mut task) => written.is_ok(),
            () = stays_late(lateness) => false,
        };
        if !is_written {
            task.abort();
            let bytes = waiting.load(Ordering::Relaxed);
            tracing::warn!(
                bytes,
                "event log's last entries are given up: its database takes nothing"
            );
        }
    }
}

/// Resolves if the database is away and does not come back soon.
async fn stays_late(mut lateness: Lateness) {
    while lateness.wait_for(Option::is_some).await.is_ok() {
        tokio::time::sleep(LATE_FLUSH).await;
        if lateness.borrow().is_some() {
            return;
        }
    }
    std::future::pending::<()>().await;
}

struct Writing {
    records: Records,
    lines: mpsc::UnboundedReceiver<Logged>,
    closing: CancellationToken,
    waiting: Arc<AtomicUsize>,
    metrics: LogMetrics,
    late: watch::Sender<Option<Arc<str>>>,
}

impl Writing {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut next = Instant::now();
        while self.take(&mut batch, next).await > 0 {
            next = Instant::now() + PACE;
            let mut ids = ids(&batch);
            let mut is_new = true;
            let mut reconnect = Reconnect::default();
            while let Err(error) = self.write(&batch, &mut ids, is_new).await {
                is_new = false;
                self.is_late(&error, &mut reconnect).await;
            }
            // Once the lines are there, whatever fails here must not write them again.
            while let Err(error) = self.look_again(&batch).await {
                self.is_late(&error, &mut reconnect).await;
            }
            if self.late.borrow().is_some() {
                tracing::info!("event log is written again");
                self.late.send_replace(None);
            }
            let bytes: usize = batch.drain(..).map(|line| line.bytes()).sum();
            let waiting = self.waiting.fetch_sub(bytes, Ordering::Relaxed) - bytes;
            self.metrics.written.inc_by(ids.len() as u64);
            self.metrics.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        }
    }

    /// Tells of a failure, and waits a while.
    async fn is_late(&self, error: &anyhow::Error, reconnect: &mut Reconnect) {
        if self.late.borrow().is_none() {
            tracing::error!(%error, "event log is late: its database takes nothing");
        }
        self.late.send_replace(Some(Arc::from(error.to_string())));
        // Whoever sees it counted sees that the log is late.
        self.metrics.failures.inc();
        tokio::time::sleep(reconnect.next_delay()).await;
    }

    /// What waits, up to a batch, and not before `next` unless a batch is full; nothing once it is closed and
    /// all is written.
    async fn take(&mut self, batch: &mut Vec<Logged>, next: Instant) -> usize {
        let gathering = async {
            let mut taken = self.lines.recv_many(batch, BATCH).await;
            // Jobs wait for what became of their runs.
            while (1..BATCH).contains(&taken) && batch.iter().all(|line| line.job_id.is_none()) {
                let more = self.lines.recv_many(batch, BATCH - taken);
                match timeout_at(next, more).await {
                    Ok(0) | Err(_) => break,
                    Ok(more) => taken += more,
                }
            }
        };
        if self.closing.run_until_cancelled(gathering).await.is_none() {
            self.lines.close();
        }
        if batch.is_empty() {
            self.lines.recv_many(batch, BATCH).await;
        }
        batch.len()
    }

    /// Writes a batch; one that `is_new` cannot be there already.
    async fn write(&self, batch: &[Logged], ids: &mut [i64], is_new: bool) -> anyhow::Result<()> {
        let database = self.records.ready().await?;
        let mut tries = 0;
        loop {
            let writing = insert(database, batch, ids, is_new);
            let written = timeout(WRITE, writing).await;
            match written.context("the records' database does not answer in time")? {
                Err(error) if met_another(&error, &mut tries) => {}
                result => return Ok(result?),
            }
        }
    }

    /// Erases what was to have no content, and was written in between.
    async fn look_again(&self, batch: &[Logged]) -> anyhow::Result<()> {
        let database = self.records.ready().await?;
        let (contacts, merges, mut tries) = (contacts(batch), merges(batch), 0);
        loop {
            let looking = async {
                catch_up_merged(database, &merges).await?;
                catch_up(database, &contacts).await
            };
            let looked = timeout(WRITE, looking).await;
            match looked.context("the records' database does not answer in time")? {
                Err(error) if met_another(&error, &mut tries) => {}
                result => return Ok(result?),
            }
        }
    }
}
