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
    jobs: mpsc::UnboundedSender<Job>,
    link: watch::Receiver<Link>,
    reader: SqlitePool,
    metrics: StoreMetrics,
    file: PathBuf,
    /// Holds the directory until the last job is done.
    _lock: Arc<File>,
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
        Ok(Self { jobs, link, reader, metrics, file, _lock: lock })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::fs;

    use super::*;

    /// A directory that no other test has, removed at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new() -> Self {
            let name = format!("hubline-store-{:016x}", rand::random::<u64>());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    async fn execute(store: &Store, statement: &'static str) -> Result<(), NotWritten> {
        let executing = store.write(move |turn| {
            Box::pin(async move {
                sqlx::raw_sql(statement).execute(&mut turn.connection).await.map(|_| ())
            })
        });
        executing.await
    }

    async fn number(store: &Store, query: &'static str) -> i64 {
        let asking = store.write(move |turn| {
            Box::pin(async move { sqlx::query_scalar(query).fetch_one(&mut turn.connection).await })
        });
        asking.await.unwrap()
    }

    /// Closes `store` and opens its file again.
    async fn reopen(store: Store, directory: &Directory) -> Store {
        drop(store);
        loop {
            // The last job is still being written.
            match Store::open(&directory.0).await {
                Ok(store) => return store,
                Err(error) => assert!(error.to_string().contains("in use"), "{error:#}"),
            }
            tokio::task::yield_now().await;
        }
    }

    const SPEND: &str = "INSERT INTO spent VALUES ('b', hex(randomblob(16)), 1)";
    const SPENT: &str = "SELECT count(*) FROM spent";

    #[tokio::test]
    async fn what_was_written_is_there_after_a_restart() {
        let directory = Directory::new();
        let store = Store::open(&directory.0).await.unwrap();
        execute(&store, SPEND).await.unwrap();
        let store = reopen(store, &directory).await;
        assert_eq!(number(&store, SPENT).await, 1);
        assert_eq!(number(&store, "PRAGMA synchronous").await, 2, "FULL");
    }

    #[tokio::test]
    async fn a_second_process_is_refused_and_told_why() {
        let directory = Directory::new();
        let store = Store::open(&directory.0).await.unwrap();
        let error = Store::open(&directory.0).await.unwrap_err().to_string();
        assert!(error.contains("in use by another process"), "{error}");
        execute(&store, SPEND).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_of_a_newer_version_is_left_alone() {
        let directory = Directory::new();
        let store = Store::open(&directory.0).await.unwrap();
        execute(&store, "PRAGMA user_version = 2").await.unwrap();
        drop(store);
        let error = loop {
            let error = format!("{:#}", Store::open(&directory.0).await.unwrap_err());
            if !error.contains("in use") {
                break error;
            }
            tokio::task::yield_now().await;
        };
        assert!(error.contains("newer version of Hubline"), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_refused() {
        let directory = Directory::new();
        fs::create_dir_all(&directory.0).unwrap();
        fs::write(directory.0.join(FILE), "not a database, but long enough to look at").unwrap();
        let error = format!("{:#}", Store::open(&directory.0).await.unwrap_err());
        assert!(error.contains(FILE), "{error}");
    }

    #[tokio::test]
    async fn time_goes_on_from_the_latest_ever_written() {
        let directory = Directory::new();
        let store = Store::open(&directory.0).await.unwrap();
        // As a process would whose clock was an hour ahead.
        let ahead = crate::clock::now_ms() + 3_600_000;
        let writing = store.write(move |turn| {
            turn.set_now_ms(ahead);
            Box::pin(async move { Ok(()) })
        });
        writing.await.unwrap();
        let store = reopen(store, &directory).await;
        let now = store.write(|turn| Box::pin(async move { Ok(turn.now_ms()) })).await.unwrap();
        assert!(now >= ahead);
    }

    #[tokio::test]
    async fn a_full_disk_loses_nothing_that_was_told_and_ends_with_room() {
        let directory = Directory::new();
        let store = Store::open(&directory.0).await.unwrap();
        execute(&store, SPEND).await.unwrap();
        execute(&store, "PRAGMA max_page_count = 1").await.unwrap();
        let filling = "INSERT INTO spent SELECT 'c', hex(randomblob(500)), value \
            FROM json_each(json_array(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))";
        assert_eq!(execute(&store, filling).await, Err(NotWritten));
        let Link::Down(reason) = store.link() else { panic!("still up") };
        assert!(reason.contains("full"), "{reason}");
        assert_eq!(number(&store, SPENT).await, 1);
        execute(&store, "PRAGMA max_page_count = 100000").await.unwrap();
        store.back().await;
        execute(&store, filling).await.unwrap();
        assert_eq!(number(&store, SPENT).await, 17);
    }

    #[tokio::test]
    async fn room_is_found_while_others_never_stop_asking() {
        let directory = Directory::new();
        let store = Arc::new(Store::open(&directory.0).await.unwrap());
        let asking = Arc::clone(&store);
        // One always waits while another is run: the inbox is never empty.
        let asking = tokio::spawn(async move {
            loop {
                let look = || asking.look(|_| Box::pin(async { Ok(()) }));
                let _ = tokio::join!(look(), look(), look());
            }
        });
        execute(&store, "PRAGMA max_page_count = 1").await.unwrap();
        let filling = "INSERT INTO step VALUES ('k', 'n', hex(zeroblob(100000)))";
        assert_eq!(execute(&store, filling).await, Err(NotWritten));
        execute(&store, "PRAGMA max_page_count = 100000").await.unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(30), store.back()).await.unwrap();
        asking.abort();
        execute(&store, filling).await.unwrap();
    }

    #[tokio::test]
    async fn a_damaged_file_takes_no_more_writes_and_says_so() {
        let directory = Directory::new();
        let store = Store::open(&directory.0).await.unwrap();
        for _ in 0..200 {
            execute(
                &store,
                "INSERT INTO step VALUES (hex(randomblob(9)), 'n', hex(randomblob(500)))",
            )
            .await
            .unwrap();
        }
        let page: i64 =
            number(&store, "SELECT rootpage FROM sqlite_schema WHERE name = 'step'").await;
        let closed = store.closed();
        drop(store);
        closed.await;
        let file = directory.0.join(FILE);
        let mut bytes = fs::read(&file).unwrap();
        let start = usize::try_from(page - 1).unwrap() * 4096;
        bytes[start..start + 4096].fill(0x5a);
        fs::write(&file, bytes).unwrap();

        let store = Store::open(&directory.0).await.unwrap();
        let harmless = "INSERT INTO spent VALUES ('b', hex(randomblob(16)), 1)";
        assert_eq!(execute(&store, "DELETE FROM step").await, Err(NotWritten));
        let Link::Down(reason) = store.link() else { panic!("still up") };
        assert!(reason.contains("malformed"), "{reason}");
        for _ in 0..3 {
            assert_eq!(execute(&store, harmless).await, Err(NotWritten));
        }
    }

    #[tokio::test]
    async fn nobody_else_can_read_what_is_in_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = Directory::new();
        // As someone made it who did not think of that.
        fs::create_dir(&directory.0).unwrap();
        let store = Store::open(&directory.0).await.unwrap();
        execute(&store, SPEND).await.unwrap();
        for entry in fs::read_dir(&directory.0).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            let is_lock = entry.file_name() == "lock";
            assert!(is_lock || mode % 0o100 == 0, "{:?} has mode {mode:o}", entry.file_name());
        }
    }

    #[tokio::test]
    async fn what_waits_together_is_written_together() {
        let directory = Directory::new();
        let store = Store::open(&directory.0).await.unwrap();
        let jobs = (0..200).map(|_| {
            store.write(|turn| {
                let now = turn.now_ms();
                Box::pin(async move {
                    sqlx::raw_sql(SPEND).execute(&mut turn.connection).await.map(|_| now)
                })
            })
        });
        let written = futures_util::future::join_all(jobs).await;
        assert!(written.iter().all(Result::is_ok));
        assert_eq!(number(&store, SPENT).await, 200);
        // All were asked for before the writer had its turn: one transaction, one time.
        assert!(written.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
