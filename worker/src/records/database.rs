//! The database of the records: PostgreSQL, or a SQLite file. The same statements run on both;
//! where they cannot, the variants say which is which.
//!
//! What people look at has connections of its own, whose statements the database itself ends after
//! [`READ`]: a page that nobody waits for any more costs no writer anything. And PostgreSQL itself ends
//! the transaction of a writer of whom it hears nothing: who is frozen in the middle of one, or whose
//! machine is gone, keeps its locks for no longer than a job's lease.

use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Pool, Postgres, Sqlite};
use tokio::sync::Semaphore;
use tokio::time::timeout;

mod connections;
#[cfg(test)]
mod tests;
mod transaction;

pub(super) use connections::of_schema;
use connections::{FROZEN, LOCKED, WRITE, end_after, pool, setting};
pub(crate) use transaction::{Transaction, on_transaction, took_too_long};
pub(super) use transaction::{begin, met_another};

/// Connections of one process for all that writes, and for what looks ahead of a write. On SQLite transactions
/// have one more.
pub(super) const WRITING: u32 = 8;
/// Connections of one process for what people look at.
pub(super) const READING: u32 = 4;
/// How long one statement of those may take: less than a page waits.
const READ: Duration = Duration::from_secs(5);
pub(super) const CLOSE: Duration = Duration::from_secs(5);
/// How long a writer waits for another process to end its transaction.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// One variant per engine, the same meaning in each.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Postgres(Pools<Postgres>),
    /// With the turn to write.
    Sqlite(Pools<Sqlite>, Turns),
}

/// The connections of one process, made when they are first needed.
#[derive(Debug)]
pub(crate) struct Pools<DB: sqlx::Database> {
    pub(crate) reading: Pool<DB>,
    pub(crate) writing: Pool<DB>,
}

/// Transactions on SQLite: one at a time, so that those who wait hold no connection; and each on the same one,
/// which need not read again what it has written itself.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    turn: Arc<Semaphore>,
    connection: Pool<Sqlite>,
}

impl<DB: sqlx::Database> Clone for Pools<DB> {
    fn clone(&self) -> Self {
        Self { reading: self.reading.clone(), writing: self.writing.clone() }
    }
}

/// Runs the same code with the writers' pool of whichever engine it is: `on_pool!(database, pool => …)`.
macro_rules! on_pool {
    ($database:expr, $pool:ident => $work:expr) => {
        $crate::records::database::on_pool_of!($database, writing, $pool => $work)
    };
}
pub(crate) use on_pool;

/// The same with the pool for what people look at, which writes nothing: `on_reading!(database, pool => …)`.
macro_rules! on_reading {
    ($database:expr, $pool:ident => $work:expr) => {
        $crate::records::database::on_pool_of!($database, reading, $pool => $work)
    };
}
pub(crate) use on_reading;

macro_rules! on_pool_of {
    ($database:expr, $which:ident, $pool:ident => $work:expr) => {
        match $database {
            $crate::records::database::Database::Postgres(pools) => {
                let $pool = &pools.$which;
                $work
            }
            $crate::records::database::Database::Sqlite(pools, _) => {
                let $pool = &pools.$which;
                $work
            }
        }
    };
}
pub(crate) use on_pool_of;

impl Database {
    /// Sets the pool up; connects to nothing yet. Its errors do not quote the address, which holds
    /// a password.
    pub(crate) fn new(url: &SecretString) -> anyhow::Result<Self> {
        Self::with_limit(url, READ)
    }

    /// The same, with another limit for what is read for people.
    pub(crate) fn with_limit(url: &SecretString, limit: Duration) -> anyhow::Result<Self> {
        let text = url.expose_secret();
        if let Some(file) = text.strip_prefix("sqlite:") {
            return Ok(Self::file(PathBuf::from(file.trim_start_matches("//")), limit));
        }
        let options = PgConnectOptions::from_str(text)
            .map_err(|_| {
                anyhow::anyhow!(
                    "DATABASE_URL is not an address: write it as postgres://user:password@host/database"
                )
            })?
            .application_name("hubline")
            .disable_statement_logging();
        let [limit, frozen, locked, write] =
            [limit, FROZEN, LOCKED, WRITE].map(|limit| limit.as_millis());
        let reading =
            format!("SET statement_timeout = {limit}; SET default_transaction_read_only = on");
        let writing = format!(
            "SET statement_timeout = {write}; SET lock_timeout = {locked}; \
             SET idle_in_transaction_session_timeout = {frozen}"
        );
        Ok(Self::Postgres(Pools {
            reading: setting(READING, &reading).connect_lazy_with(options.clone()),
            writing: setting(WRITING, &writing).connect_lazy_with(options),
        }))
    }

    /// A SQLite file in a directory of ours, made when it is first used.
    pub(crate) fn in_file(file: PathBuf) -> Self {
        Self::file(file, READ)
    }

    fn file(file: PathBuf, limit: Duration) -> Self {
        // Letters and the log hold customers' data. What cannot be made is found out on connecting.
        let _ = shared::store::private(&file);
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            // As the data file, for the same reason.
            .page_size(shared::store::PAGE_BYTES)
            .pragma("wal_autocheckpoint", shared::store::CHECKPOINT_PAGES.to_string())
            .auto_vacuum(sqlx::sqlite::SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            // A dead letter leaves its queue once it is in here.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What was erased must not be found beside what took its place.
            .pragma("secure_delete", "FAST")
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let reading = pool::<Sqlite>(READING)
            .after_connect(move |connection, _| Box::pin(end_after(connection, limit)))
            .before_acquire(move |connection, _| {
                Box::pin(async move { end_after(connection, limit).await.map(|()| true) })
            });
        let pools = Pools {
            reading: reading.connect_lazy_with(options.clone().pragma("query_only", "ON")),
            writing: pool(WRITING).connect_lazy_with(options.clone()),
        };
        // As long as SQLite itself would wait: who is cut off gives it back once its statement has ended.
        let connection = pool(1).acquire_timeout(BUSY).connect_lazy_with(options);
        Self::Sqlite(pools, Turns { turn: Arc::new(Semaphore::new(1)), connection })
    }

    /// Begins a transaction that will write. Dropped before its commit, it leaves no trace.
    pub(crate) async fn transaction(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Postgres(pools) => Transaction::Postgres(begin(&pools.writing).await?),
            Self::Sqlite(_, turns) => {
                let turn = Arc::clone(&turns.turn).acquire_owned().await;
                let turn = turn.map_err(|_| sqlx::Error::PoolClosed)?;
                // The lock is taken at once: one that began by reading cannot wait for it.
                let transaction = turns.connection.begin_with("BEGIN IMMEDIATE").await?;
                Transaction::Sqlite(transaction, turn)
            }
        })
    }

    /// Whether it answers.
    pub(crate) async fn ping(&self) -> anyhow::Result<()> {
        on_pool!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(|_| ()))
            .context("the records' database does not answer")
    }

    /// Ends all connections. One that waits for a server which does not answer is not waited for.
    pub(crate) async fn close(&self) {
        let closing = async {
            on_reading!(self, pool => pool.close().await);
            on_pool!(self, pool => pool.close().await);
            if let Self::Sqlite(_, turns) = self {
                turns.connection.close().await;
            }
        };
        let _ = timeout(CLOSE, closing).await;
    }
}
