//! The database of the records: PostgreSQL, or a SQLite file. The same statements run on both;
//! where they cannot, [`Database::dialect`] says what differs.

use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, PgPool, Postgres, Sqlite, SqlitePool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

#[cfg(test)]
mod tests;

/// Connections of one process.
pub(super) const CONNECTIONS: u32 = 8;
const ACQUIRE: Duration = Duration::from_secs(3);
pub(super) const CLOSE: Duration = Duration::from_secs(5);
/// How long a writer waits for another process to end its transaction.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// One variant per engine, the same meaning in each.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    Postgres(PgPool),
    /// With the turn to write: one at a time, so that those who wait hold no connection.
    Sqlite(SqlitePool, Arc<Semaphore>),
}

/// What is written differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

/// Runs the same code with the pool of whichever engine it is: `on_pool!(database, pool => …)`.
macro_rules! on_pool {
    ($database:expr, $pool:ident => $work:expr) => {
        match $database {
            $crate::records::database::Database::Postgres($pool) => $work,
            $crate::records::database::Database::Sqlite($pool, _) => $work,
        }
    };
}
pub(crate) use on_pool;

/// Statements that are committed together or not at all.
#[derive(Debug)]
pub(crate) enum Transaction {
    Postgres(sqlx::Transaction<'static, Postgres>),
    /// The turn is given back once the transaction is over.
    Sqlite(sqlx::Transaction<'static, Sqlite>, OwnedSemaphorePermit),
}

/// Runs the same code on the connection of a transaction:
/// `on_transaction!(transaction, connection => …)`.
macro_rules! on_transaction {
    ($transaction:expr, $connection:ident => $work:expr) => {
        match $transaction {
            $crate::records::database::Transaction::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $work
            }
            $crate::records::database::Transaction::Sqlite(transaction, _) => {
                let $connection = &mut **transaction;
                $work
            }
        }
    };
}
pub(crate) use on_transaction;

impl Transaction {
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(transaction) => transaction.commit().await,
            Self::Sqlite(transaction, _turn) => transaction.commit().await,
        }
    }

    /// What a SELECT ends in that keeps its rows from others until the commit. On SQLite nobody
    /// else writes meanwhile.
    pub(crate) fn locking(&self) -> &'static str {
        match self {
            Self::Postgres(_) => " FOR UPDATE",
            Self::Sqlite(..) => "",
        }
    }
}

impl Database {
    /// Sets the pool up; connects to nothing yet. Its errors do not quote the address, which holds
    /// a password.
    pub(crate) fn new(url: &SecretString) -> anyhow::Result<Self> {
        let text = url.expose_secret();
        if let Some(file) = text.strip_prefix("sqlite:") {
            return Ok(Self::file(PathBuf::from(file.trim_start_matches("//"))));
        }
        let options = PgConnectOptions::from_str(text)
            .map_err(|_| {
                anyhow::anyhow!(
                    "DATABASE_URL is not an address: write it as postgres://user:password@host/database"
                )
            })?
            .application_name("hubline")
            .disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE);
        Ok(Self::Postgres(pool.connect_lazy_with(options)))
    }

    /// A SQLite file, made when it is first used.
    pub(crate) fn file(file: PathBuf) -> Self {
        // Letters and the log hold customers' data. What cannot be made is found out on connecting.
        let _ = shared::store::private(&file);
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .auto_vacuum(sqlx::sqlite::SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            // A dead letter leaves its queue once it is in here.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What was erased must not be found beside what took its place.
            .pragma("secure_delete", "FAST")
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE);
        Self::Sqlite(pool.connect_lazy_with(options), Arc::new(Semaphore::new(1)))
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::Postgres,
            Self::Sqlite(..) => Dialect::Sqlite,
        }
    }

    /// Begins a transaction that will write. Dropped before its commit, it leaves no trace.
    pub(crate) async fn transaction(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Postgres(pool) => Transaction::Postgres(begin(pool).await?),
            Self::Sqlite(pool, turns) => {
                let turn = Arc::clone(turns).acquire_owned().await;
                let turn = turn.map_err(|_| sqlx::Error::PoolClosed)?;
                // The lock is taken at once: one that began by reading cannot wait for it.
                Transaction::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?, turn)
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
        on_pool!(self, pool => {
            let _ = timeout(CLOSE, pool.close()).await;
        });
    }
}

/// Begins a transaction on PostgreSQL, in a task of its own: sqlx 0.9 does not undo a `BEGIN` that
/// nobody waits for any more (a step that took too long, a browser that went away), and gives the
/// connection back as if it were in no transaction. What is written over it then is never committed.
pub(super) async fn begin(
    pool: &PgPool,
) -> Result<sqlx::Transaction<'static, Postgres>, sqlx::Error> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move { pool.begin().await });
    beginning.await.map_err(|_| sqlx::Error::WorkerCrashed)?
}

/// How often a transaction is tried again that met another.
const TRIES: u32 = 10;

/// Whether a transaction is to be tried again after its `tries`-th try, which the database has ended
/// because it and another waited for one another.
pub(super) fn met_another(error: &sqlx::Error, tries: &mut u32) -> bool {
    *tries += 1;
    let sqlx::Error::Database(error) = error else { return false };
    *tries <= TRIES && matches!(error.code().as_deref(), Some("40P01" | "40001"))
}
