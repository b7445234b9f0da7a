//! The one SQLite file of an embedded Hubline: one process has it open, and one thread writes to
//! it. Whatever waits to be written is committed as one transaction, so that a sync of the disk
//! is shared by all who wait for it and throughput grows with load.
//!
//! Knows nothing of events: the broker and the ledger say what is written.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use sqlx::SqlitePool;
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;

use crate::link::Link;
use crate::retry::Reconnect;

mod clock;
mod errand;
mod fault;
mod inbox;
mod metrics;
mod not_written;
mod room;
mod schema;
#[cfg(test)]
mod tests;
mod turn;
mod writer;

pub use not_written::NotWritten;
pub use schema::{CHECKPOINT_PAGES, PAGE_BYTES, private};
pub use turn::Turn;

use errand::Errand;
pub(crate) use errand::Lasting;
use inbox::Outbox;
use metrics::StoreMetrics;
use room::Room;
use writer::Writer;

/// The name of the database in its directory.
pub const FILE: &str = "hubline.db";

/// What may wait for the writer, in bytes: several of the largest deliveries.
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;

/// An open data file. Dropped, it closes once what waits is written.
#[derive(Debug)]
pub struct Store {
    /// Holds the directory until the last errand is done: that of the writer is the last.
    _lock: Arc<File>,
    errands: Outbox,
    room: Room,
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
        let (opened, held) = (file.clone(), Arc::clone(&lock));
        // What a crash has left is read first. Held until then, whether this is waited for or not.
        let opening = spawn_blocking(move || (schema::open(&opened), held));
        let (turn, _) = opening.await.context("opening the data file panicked")?;
        let turn = turn?;
        let reader = schema::reader(&file);
        let (errands, inbox) = inbox::open();
        let (link_tx, link) = watch::channel(Link::Up);
        let metrics = StoreMetrics::default();
        let writer = Writer::new(turn, Arc::clone(&lock), link_tx, metrics.clone(), reader.clone());
        // Its own: it waits for the disk, where no task may.
        let thread = thread::Builder::new().name("hubline-store".to_owned());
        thread.spawn(move || writer.serve(inbox)).context("cannot start the writer's thread")?;
        let room = Room::new(MAX_WAITING_BYTES);
        Ok(Self { _lock: lock, errands, room, link, reader, metrics, file })
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

    /// Whether there is still a writer. Without one nothing is ever written again.
    #[must_use]
    pub fn has_writer(&self) -> bool {
        !self.errands.is_closed()
    }

    /// Resolves when the writer has ended although the store is in use.
    pub async fn writer_ended(&self) {
        self.errands.closed().await;
        // Its last word on the link comes after that.
        self.closed().await;
    }

    /// Resolves when what was not written for `error` is worth another try.
    pub async fn worth_another(&self, error: NotWritten, tries: &mut Reconnect) {
        match error {
            NotWritten::Down => self.back().await,
            NotWritten::Refused | NotWritten::Crowded => {
                tokio::time::sleep(tries.next_delay()).await;
            }
        }
    }

    /// Runs `errand` in the next transaction and gives its result once that is on the disk, whether
    /// anybody still waits for it or not. An errand that fails or panics is undone alone.
    pub async fn write<T, F>(&self, errand: F) -> Result<T, NotWritten>
    where
        T: Send + 'static,
        F: FnOnce(&mut Turn) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        self.run(Lasting::Disk, errand, |errand| errand).await
    }

    /// The same for what waits an instant for others to share a sync of the disk with: some ms, in which
    /// nobody else is kept waiting.
    pub async fn write_soon<T, F>(&self, errand: F) -> Result<T, NotWritten>
    where
        T: Send + 'static,
        F: FnOnce(&mut Turn) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        self.run(Lasting::DiskSoon, errand, |errand| errand).await
    }

    /// The same for what need not survive a loss of power, only the end of this process: what the file can
    /// be without, because what is in it still leads to it. Nothing is kept of it without what was written
    /// before it. It is on the disk after a second, or with the next [`Self::write`].
    pub async fn write_unsynced<T, F>(&self, errand: F) -> Result<T, NotWritten>
    where
        T: Send + 'static,
        F: FnOnce(&mut Turn) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        self.run(Lasting::Process, errand, |errand| errand).await
    }

    /// The same for what is in no hurry: it waits a moment for others to share their commit.
    pub async fn write_in_company<T, F>(&self, errand: F) -> Result<T, NotWritten>
    where
        T: Send + 'static,
        F: FnOnce(&mut Turn) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        self.run(Lasting::InCompany, errand, |errand| errand).await
    }

    /// The same for what its owner gives up in time and brings again, such as a delivery: if this
    /// is dropped before its turn has come, nothing is written. `bytes` of it are held until then,
    /// which is refused when too many are.
    pub(crate) async fn write_if_awaited<T, F>(
        &self,
        bytes: usize,
        lasting: Lasting,
        errand: F,
    ) -> Result<T, NotWritten>
    where
        T: Send + 'static,
        F: FnOnce(&mut Turn) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let space = self.room.take(bytes).ok_or(NotWritten::Crowded)?;
        let waiting = Arc::new(());
        self.run(lasting, errand, |errand| errand.awaited_by(&waiting, Some(space))).await
    }

    /// Runs `errand`, which only reads, between what is written before and after it, and at the same
    /// time as they. Alone it costs no sync of the disk.
    pub async fn look<T, F>(&self, errand: F) -> Result<T, NotWritten>
    where
        T: Send + 'static,
        F: FnOnce(&mut Turn) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let waiting = Arc::new(());
        self.run(Lasting::Nothing, errand, |errand| errand.awaited_by(&waiting, None)).await
    }

    async fn run<T, F>(
        &self,
        lasting: Lasting,
        errand: F,
        with: impl FnOnce(Errand) -> Errand,
    ) -> Result<T, NotWritten>
    where
        T: Send + 'static,
        F: FnOnce(&mut Turn) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let (reply, done) = oneshot::channel();
        self.errands.send(with(Errand::new(lasting, errand, reply)))?;
        done.await.map_err(|_| NotWritten::Down)?
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
