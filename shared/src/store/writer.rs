//! The one task that writes: takes whatever waits, runs all of it in one transaction, and
//! tells each that asked once the commit is on the disk.

use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use prometheus_client::metrics::gauge::Gauge;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, SqlitePool};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::clock::Clock;
use super::metrics::StoreMetrics;
use crate::broker::Link;

/// Jobs of one transaction.
const BATCH: usize = 1024;
/// While the file takes no writes, it is tried again so often.
const PROBE: Duration = Duration::from_secs(1);
/// With a quarter of a MiB: a row with a key that no entry has, and its end.
const PROBES: [&str; 2] = [
    "INSERT OR REPLACE INTO step VALUES ('', 'probe', hex(zeroblob(131072)))",
    "DELETE FROM step WHERE key = ''",
];

/// What a job works with.
pub struct Turn {
    /// Inside the transaction.
    pub connection: SqliteConnection,
    clock: Clock,
    now_ms: i64,
}

impl Turn {
    pub(super) fn new(connection: SqliteConnection, clock: Clock) -> Self {
        let now_ms = clock.now_ms();
        Self { connection, clock, now_ms }
    }

    #[cfg(test)]
    pub(super) fn set_now_ms(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// Milliseconds since the Unix epoch; never less than in an earlier transaction.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}

/// Tells whoever asked; dropped instead, it tells them that nothing was written.
type Reply = Box<dyn FnOnce() + Send>;
type Done = (Reply, Result<(), sqlx::Error>);
type Work = Box<dyn for<'c> FnOnce(&'c mut Turn) -> BoxFuture<'c, Done> + Send>;

/// Something to write or to look at, and who waits for it.
pub(super) struct Job {
    work: Work,
    writes: bool,
}

impl Job {
    pub(super) fn new<T, F>(job: F, writes: bool, reply: oneshot::Sender<T>) -> Self
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Turn) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        let work: Work = Box::new(move |turn| {
            Box::pin(async move {
                let (result, done) = match job(turn).await {
                    Ok(result) => (Some(result), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                let tell: Reply = Box::new(move || {
                    if let Some(result) = result {
                        let _ = reply.send(result);
                    }
                });
                (tell, done)
            })
        });
        Self { work, writes }
    }
}

/// Says that nothing is written any more when the writer ends, whatever ended it: whoever waits
/// for better times must not find them come.
struct Announced(watch::Sender<Link>, Gauge);

impl Drop for Announced {
    fn drop(&mut self) {
        self.1.set(0);
        self.0.send_replace(Link::Down(Arc::from("closed")));
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
}

/// How the file fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Writing,
    Failing,
    Damaged,
}

/// SQLite's codes for a file that is corrupt, or no database at all.
fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    // The upper bits tell which page; the lower ones what it means.
    matches!(code.map(|code| code & 0xff), Some(11 | 26))
}

impl Writer {
    pub(super) fn new(
        turn: Turn,
        link: watch::Sender<Link>,
        metrics: StoreMetrics,
        reader: SqlitePool,
    ) -> Self {
        Self { turn, link: Announced(link, metrics.up.clone()), metrics, reader, is_damaged: false }
    }

    /// Writes until nobody is left to ask.
    pub(super) async fn serve(
        mut self,
        mut waiting: mpsc::UnboundedReceiver<Job>,
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
            let got = if self.state() == State::Failing {
                match timeout_at(next_probe, waiting.recv_many(&mut batch, BATCH)).await {
                    Ok(got) => got,
                    Err(_) => continue,
                }
            } else {
                next_probe = Instant::now() + PROBE;
                waiting.recv_many(&mut batch, BATCH).await
            };
            if got == 0 {
                break;
            }
            if self.is_damaged {
                // Dropped: whoever asked is told that nothing was written.
                batch.clear();
                continue;
            }
            self.write(&mut batch).await;
        }
        self.reader.close().await;
        let _ = self.turn.connection.close().await;
    }

    fn state(&self) -> State {
        match *self.link.0.borrow() {
            Link::Up => State::Writing,
            _ if self.is_damaged => State::Damaged,
            _ => State::Failing,
        }
    }

    /// Writes all of `batch` and tells those who wait, or nothing.
    async fn write(&mut self, batch: &mut Vec<Job>) {
        let started = Instant::now();
        let mut replies = Vec::with_capacity(batch.len());
        match commit(&mut self.turn, batch, &mut replies).await {
            Ok(writes) => {
                if writes > 0 {
                    self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
                    self.metrics.writes.inc_by(writes);
                }
                for tell in replies {
                    tell();
                }
            }
            Err(error) => {
                let _ = sqlx::raw_sql("ROLLBACK").execute(&mut self.turn.connection).await;
                if is_damage(&error) {
                    self.is_damaged = true;
                    tracing::error!(
                        %error,
                        "the data file is damaged: stop, keep a copy, and restore a backup or use sqlite3's .recover"
                    );
                } else if self.state() == State::Writing {
                    tracing::error!(%error, "the data file takes no writes: nothing is processed");
                }
                self.metrics.failures.inc();
                self.metrics.up.set(0);
                // Before those who asked hear of it: they look here for when to ask again.
                self.link.0.send_replace(Link::Down(Arc::from(error.to_string())));
                batch.clear();
            }
        }
    }

    /// Finds out whether there is room again, for more than would fit into the file as it is: else
    /// it would seem well until the next message.
    async fn probe(&mut self) {
        for statement in PROBES {
            if sqlx::raw_sql(statement).execute(&mut self.turn.connection).await.is_err() {
                return;
            }
        }
        tracing::info!("the data file takes writes again");
        self.metrics.up.set(1);
        self.link.0.send_replace(Link::Up);
    }
}

/// Gives how many of the jobs were writes.
async fn commit(
    turn: &mut Turn,
    jobs: &mut Vec<Job>,
    replies: &mut Vec<Reply>,
) -> Result<u64, sqlx::Error> {
    turn.now_ms = turn.clock.now_ms();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut turn.connection).await?;
    let mut writes = 0;
    for job in jobs.drain(..) {
        let (tell, done) = (job.work)(turn).await;
        writes += u64::from(job.writes);
        replies.push(tell);
        done?;
    }
    if writes > 0 {
        sqlx::query("UPDATE clock SET high_ms = ?")
            .bind(turn.now_ms)
            .execute(&mut turn.connection)
            .await?;
    }
    sqlx::raw_sql("COMMIT").execute(&mut turn.connection).await?;
    Ok(writes)
}
