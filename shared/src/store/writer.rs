//! The one task that writes: takes whatever waits, runs all of it in one transaction, and
//! tells each that asked once the commit is on the disk.

use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::clock::Clock;
use crate::broker::Link;

/// Jobs of one transaction.
const BATCH: usize = 1024;
/// While the file takes no writes, it is tried again so often.
const PROBE: Duration = Duration::from_secs(1);

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

/// Something to write, and who waits for it.
pub(super) struct Job(Work);

impl Job {
    pub(super) fn new<T, F>(job: F, reply: oneshot::Sender<T>) -> Self
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Turn) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        Self(Box::new(move |turn| {
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
        }))
    }
}

/// Says that nothing is written any more when the writer ends, whatever ended it: whoever waits
/// for better times must not find them come.
struct Announced(watch::Sender<Link>);

impl Drop for Announced {
    fn drop(&mut self) {
        self.0.send_replace(Link::Down(Arc::from("closed")));
    }
}

/// Writes until nobody is left to ask.
pub(super) async fn serve(
    mut turn: Turn,
    mut waiting: mpsc::UnboundedReceiver<Job>,
    link: watch::Sender<Link>,
    _lock: Arc<File>,
) {
    let link = Announced(link);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let is_up = *link.0.borrow() == Link::Up;
        if is_up {
            if waiting.recv_many(&mut batch, BATCH).await == 0 {
                break;
            }
        } else if timeout(PROBE, waiting.recv_many(&mut batch, BATCH)).await == Ok(0) {
            // Else an empty transaction finds out.
            break;
        }
        let mut replies = Vec::with_capacity(batch.len());
        let mut jobs = batch.drain(..);
        match commit(&mut turn, &mut jobs, &mut replies).await {
            Ok(()) => {
                if !is_up {
                    tracing::info!("the data file takes writes again");
                    link.0.send_replace(Link::Up);
                }
                for tell in replies {
                    tell();
                }
            }
            Err(error) => {
                let _ = sqlx::raw_sql("ROLLBACK").execute(&mut turn.connection).await;
                if is_up {
                    tracing::error!(%error, "the data file takes no writes: nothing is processed");
                }
                // Before those who asked hear of it: they look here for when to ask again.
                link.0.send_replace(Link::Down(Arc::from(error.to_string())));
            }
        }
    }
    let _ = turn.connection.close().await;
}

async fn commit(
    turn: &mut Turn,
    jobs: &mut (impl Iterator<Item = Job> + Send),
    replies: &mut Vec<Reply>,
) -> Result<(), sqlx::Error> {
    turn.now_ms = turn.clock.now_ms();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut turn.connection).await?;
    for Job(work) in jobs {
        let (tell, done) = work(turn).await;
        replies.push(tell);
        done?;
    }
    sqlx::query("UPDATE clock SET high_ms = ?")
        .bind(turn.now_ms)
        .execute(&mut turn.connection)
        .await?;
    sqlx::raw_sql("COMMIT").execute(&mut turn.connection).await?;
    Ok(())
}
