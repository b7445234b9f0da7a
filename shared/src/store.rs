//! The one SQLite file of an embedded Hubline: one process has it open, and one task writes to
//! it. Whatever waits to be written is committed as one transaction, so that a sync of the disk
//! is shared by all who wait for it and throughput grows with load.
//!
//! Knows nothing of events: the broker and the ledger say what is written.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use prometheus_client::registry::Registry;
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot, watch};

use crate::broker::Link;

mod clock;
mod metrics;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

pub use schema::private;
pub use writer::Turn;

use metrics::StoreMetrics;
use writer::Job;

/// The name of the database in its directory.
pub const FILE: &str = "hubline.db";

/// Nothing was written: the disk is full, or the file cannot be used any more. Why is in
/// [`Store::link`] and was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data file takes no writes")]
pub struct NotWritten;

/// An open data file. Dropped, it closes once what waits is written.
#[derive(Debug)]
pub struct Store {
    /// Holds the directory until the last job is done: that of the writer is the last.
    _lock: Arc<File>,
    jobs: mpsc::UnboundedSender<Job>,
    link: watch::Receiver<Link>,
    reader: SqlitePool,
    metrics: StoreMetrics,
    file: PathBuf,
}

impl Store {
    /// Opens or makes the data file in `directory`. Fails if another process has it open, if it
    /// was written by a newer version, or if it is damaged. What an earlier process had in hand
    /// is then ready again, and its claims are over.
    pub async fn open(directory: &Path) -> anyhow::Result<Self> {
        // Events hold customers' data: nobody else's to read.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .with_context(|| format!("cannot make the data directory {}", directory.display()))?;
        let lock = Arc::new(lock(directory)?);
        let file = directory.join(FILE);
        let turn = schema::open(&file).await?;
        let reader = schema::reader(&file);
        let (jobs, waiting) = mpsc::unbounded_channel();
        let (link_tx, link) = watch::channel(Link::Up);
        let metrics = StoreMetrics::default();
        let writer = writer::Writer::new(turn, link_tx, metrics.clone(), reader.clone());
        tokio::spawn(writer.serve(waiting, Arc::clone(&lock)));
        Ok(Self { _lock: lock, jobs, link, reader, metrics, file })
    }

    /// Where the data is.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Connections that only read, beside the writer: they see what was last committed.
    #[must_use]
    pub fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// Puts what is measured of the file into `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Resolves when nobody has the store any more and its file is closed.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut link = self.link.clone();
        async move { while link.changed().await.is_ok() {} }
    }

    /// The state of the file, as it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Whether the last commit succeeded.
    #[must_use]
    pub fn link(&self) -> Link {
        self.link.borrow().clone()
    }

    /// Resolves when the file, failing now, takes writes again.
    pub async fn back(&self) {
        let mut link = self.link.clone();
        if link.wait_for(|link| *link == Link::Up).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Runs `job` in the next transaction and gives its result once that is on the disk. If any
    /// job of the transaction fails, none of them is written.
    pub async fn write<T, F>(&self, job: F) -> Result<T, NotWritten>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Turn) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        self.run(job, true).await
    }

    /// Runs `job`, which only reads, between what is written before and after it, and at the same
    /// time as they. Alone it costs no sync of the disk.
    pub async fn look<T, F>(&self, job: F) -> Result<T, NotWritten>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Turn) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        self.run(job, false).await
    }

    async fn run<T, F>(&self, job: F, writes: bool) -> Result<T, NotWritten>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Turn) -> BoxFuture<'c, Result<T, sqlx::Error>> + Send + 'static,
    {
        let (reply, done) = oneshot::channel();
        self.jobs.send(Job::new(job, writes, reply)).map_err(|_| NotWritten)?;
        done.await.map_err(|_| NotWritten)
    }
}

/// Two processes would take the same events for theirs.
fn lock(directory: &Path) -> anyhow::Result<File> {
    let path = directory.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "{} is in use by another process: stop it first, or name another directory",
            directory.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
