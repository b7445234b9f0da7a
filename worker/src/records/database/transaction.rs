//! Statements that are committed together or not at all, and what becomes of those that the database ends.

use sqlx::error::DatabaseError;
use sqlx::{PgPool, Postgres, Sqlite};
use tokio::sync::OwnedSemaphorePermit;

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

    /// The same, without those that somebody else keeps.
    pub(crate) fn skipping(&self) -> &'static str {
        match self {
            Self::Postgres(_) => " FOR UPDATE SKIP LOCKED",
            Self::Sqlite(..) => "",
        }
    }
}

/// Begins a transaction on PostgreSQL, in a task of its own: sqlx 0.9 does not undo a `BEGIN` that
/// nobody waits for any more (a step that took too long, a browser that went away), and gives the
/// connection back as if it were in no transaction. What is written over it then is never committed.
pub(in crate::records) async fn begin(
    pool: &PgPool,
) -> Result<sqlx::Transaction<'static, Postgres>, sqlx::Error> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move { pool.begin().await });
    beginning.await.map_err(|_| sqlx::Error::WorkerCrashed)?
}

/// Whether the database has ended a statement because it took longer than it may.
pub(crate) fn took_too_long(error: &sqlx::Error) -> bool {
    // PostgreSQL's `query_canceled`, SQLite's `SQLITE_INTERRUPT`.
    let code = error.as_database_error().and_then(DatabaseError::code);
    matches!(code.as_deref(), Some("57014" | "9"))
}

/// How often a transaction is tried again that met another.
const TRIES: u32 = 10;

/// Whether a transaction is to be tried again after its `tries`-th try, which the database has ended
/// because it and another waited for one another.
pub(in crate::records) fn met_another(error: &sqlx::Error, tries: &mut u32) -> bool {
    *tries += 1;
    let sqlx::Error::Database(error) = error else { return false };
    *tries <= TRIES && matches!(error.code().as_deref(), Some("40P01" | "40001"))
}
