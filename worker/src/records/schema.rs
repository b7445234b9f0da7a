//! The tables of the records: made where there are none, each database's with a version number.
//!
//! Refuses a database of another version: one of a newer Hubline, and one that an earlier build has left,
//! from before there were releases. From the first release on an older version is brought up to date here.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::RngExt as _;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tokio::time::timeout;

use super::database::{BUSY, Database, of_schema};

/// Raised with every change of the tables: what is held in `golden` says what a version is.
const VERSION: i32 = 3;

const POSTGRES: &str = include_str!("schema/postgres.sql");
const SQLITE: &str = include_str!("schema/sqlite.sql");
const NUMBER: &str = "INSERT INTO records_schema (version) VALUES ($1)";

/// How long a server may take for a connection, and for its end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Said of a server that cannot be reached, or says nothing.
const SILENT: &str = "the records' database does not answer";

/// What there is: whether tables of ours, and of which version, if they have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    WithoutVersion,
    Version(i32),
}

impl Found {
    fn new(has_tables: bool, version: Option<i32>) -> Self {
        match (version, has_tables) {
            (Some(version), _) => Self::Version(version),
            (None, true) => Self::WithoutVersion,
            (None, false) => Self::Nothing,
        }
    }

    /// Refuses what this program does not know.
    fn check(self) -> anyhow::Result<()> {
        match self {
            Self::Nothing | Self::Version(VERSION) => Ok(()),
            Self::Version(newer) if newer > VERSION => anyhow::bail!(
                "the records' database was made by a newer Hubline (its tables have version {newer}, and this one knows {VERSION}): start that version again, or restore a backup from before it"
            ),
            Self::Version(_) | Self::WithoutVersion => anyhow::bail!(
                "the records' database was made by an earlier build, whose tables were others: with that build let its jobs end and retry, export or discard its dead letters; then drop its schema, or remove its file, and start this one again"
            ),
        }
    }
}

/// Makes the tables within a transaction of either database, unless `is_there` finds some, and ends it. Gives
/// what was there before.
macro_rules! make_within {
    ($transaction:ident, $is_there:expr, $tables:expr) => {{
        let (has_tables, has_version): (bool, bool) =
            sqlx::query_as($is_there).fetch_one(&mut *$transaction).await?;
        let version = if has_version {
            let select = sqlx::query_scalar("SELECT version FROM records_schema");
            Some(select.fetch_one(&mut *$transaction).await?)
        } else {
            None
        };
        let found = Found::new(has_tables, version);
        if found == Found::Nothing {
            $transaction.execute(sqlx::raw_sql($tables)).await?;
            sqlx::query(NUMBER).bind(VERSION).execute(&mut *$transaction).await?;
        }
        $transaction.commit().await?;
        found
    }};
}

/// Makes the tables, all of them at once, unless they are there. Whoever comes second waits, and finds it
/// done.
pub(super) async fn make(database: &Database) -> anyhow::Result<()> {
    let found = match database {
        Database::Postgres(pools) => make_on_server(&pools.writing.connect_options()).await?,
        Database::Sqlite(pools, _) => make_in_file(&pools.writing.connect_options())
            .await
            .context("cannot make the tables of the records")?,
    };
    found.check()
}

/// On a connection of its own: what others use ends statements that take long.
async fn make_on_server(options: &PgConnectOptions) -> anyhow::Result<Found> {
    let connecting = async {
        let mut connection = options.connect().await?;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(of_schema()))).await?;
        Ok::<_, sqlx::Error>(connection)
    };
    // A server that takes connections and says nothing must not hold up all who come after.
    let connected = timeout(PATIENCE, connecting).await;
    let mut connection = match connected {
        Ok(Ok(connection)) => connection,
        Ok(Err(sqlx::Error::Database(error))) => {
            return Err(sqlx::Error::Database(error))
                .context("the records' database refuses the connection");
        }
        Ok(Err(error)) => return Err(error).context(SILENT),
        Err(_) => anyhow::bail!("{SILENT}: no connection within {} s", PATIENCE.as_secs()),
    };
    let made = make_tables(&mut connection).await;
    let _ = timeout(PATIENCE, connection.close()).await;
    made.context("cannot make the tables of the records")
}

/// In one transaction, behind those of other processes.
async fn make_tables(connection: &mut sqlx::PgConnection) -> Result<Found, sqlx::Error> {
    // Other schemas have other records.
    let is_there = "SELECT to_regclass(quote_ident(current_schema()) || '.event_log') IS NOT NULL, \
        to_regclass(quote_ident(current_schema()) || '.records_schema') IS NOT NULL";
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('hubline ' || current_schema()))")
        .execute(&mut *transaction)
        .await?;
    Ok(make_within!(transaction, is_there, POSTGRES))
}

/// The same in a file, all of it in one transaction that keeps others from writing. Where a file is
/// just being made SQLite gives up at once instead of waiting.
async fn make_in_file(options: &SqliteConnectOptions) -> Result<Found, sqlx::Error> {
    let deadline = Instant::now() + BUSY;
    loop {
        match try_to_make_in_file(options).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                // Not all of them at the same moment again.
                let pause = Duration::from_millis(rand::rng().random_range(5..50));
                tokio::time::sleep(pause).await;
            }
            result => return result,
        }
    }
}

async fn try_to_make_in_file(options: &SqliteConnectOptions) -> Result<Found, sqlx::Error> {
    let is_there = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'event_log'), \
        EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'records_schema')";
    let mut connection = options.connect().await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let found = make_within!(transaction, is_there, SQLITE);
    connection.close().await?;
    Ok(found)
}

/// Whether another connection had what was needed: `SQLITE_BUSY` or `SQLITE_LOCKED`, of which there
/// are kinds in the upper bits.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let code: Option<u32> = code.and_then(|code| code.parse().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

#[cfg(test)]
mod tests;
