//! What is in the file, and how it is opened.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};

use super::clock::Clock;
use super::turn::{BUSY, Turn};
use crate::format::DATA_FILE;

/// Of a page. A commit writes whole ones, and changes a few rows here and there.
pub const PAGE_BYTES: u32 = 1024;
/// A checkpoint writes each page once that was changed since the last one, however often: so it comes after
/// 256 MiB. After a crash no more than that is read again.
pub const CHECKPOINT_PAGES: i64 = 262_144;
/// Rows of an answer that are under way to who asked.
const ROWS: usize = 1024;
/// Reading connections at once, and how long one is kept that nobody uses.
const READERS: u32 = 4;
const IDLE: Duration = Duration::from_secs(60);

/// `message.queue` is `work`, `bulk` or `dead`; a message waits there until `due_ms`. What a
/// worker has in hand is known to its process alone: after a crash all of it is ready again. Hex is kept
/// as the bytes it stands for: two messages of HubSpot's fit on a page then, and one did not leave much of it.
///
/// A `claim` is the ledger's entry of one event, target and generation, with the states
/// `S` started, `R` released, `C` completed; it is forgotten after `expires_ms`. It is found by a hash of its
/// key. That is all that stands in no order of time: whatever belongs to one another's time stands on the same
/// few pages, and a commit writes whole ones. So does the `step`: its id is its claim's times 2^20, and a number.
const TABLES: &str = "
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    due_ms INTEGER NOT NULL,
    identity BLOB NOT NULL,
    type TEXT NOT NULL,
    origin TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    target TEXT,
    received_ms INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    traceparent BLOB,
    job INTEGER,
    job_attempt INTEGER,
    waiting TEXT,
    reason TEXT,
    code TEXT,
    error TEXT,
    dead_ms INTEGER,
    steps TEXT,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX message_by_due ON message (queue, due_ms, id);

CREATE TABLE claim (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    token TEXT NOT NULL,
    lowest INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    abandoned INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX claim_by_expiry ON claim (expires_ms);

CREATE TABLE step (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    json TEXT NOT NULL
) STRICT;

CREATE TABLE clock (high_ms INTEGER NOT NULL) STRICT;
INSERT INTO clock (high_ms) VALUES (0);
";

/// Opens the file, making what is missing.
pub(super) async fn open(file: &Path) -> anyhow::Result<Turn> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        // Only for a new file.
        .page_size(PAGE_BYTES)
        // Only for a new file; pages that retention frees are given back step by step.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        // What was committed survives a loss of power; the writer says which commits need not.
        .synchronous(SqliteSynchronous::Full)
        // The writer's own business.
        .pragma("wal_autocheckpoint", "0")
        // What undoing one errand takes is kept in memory: a full disk elsewhere is no errand's fault.
        .pragma("temp_store", "MEMORY")
        .busy_timeout(BUSY)
        // As many as are asked for at once: SQLite's thread need not wait for who reads them.
        .row_buffer_size(ROWS)
        .disable_statement_logging();
    private(file)?;
    // As text: sqlx's errors name their sources themselves.
    let mut connection = options.connect().await.map_err(|error| {
        anyhow::anyhow!("cannot open the data file {}: {error}", file.display())
    })?;
    let prepared = prepare(&mut connection).await;
    let high_ms = prepared
        .map_err(|error| anyhow::anyhow!("cannot use the data file {}: {error}", file.display()))?;
    Ok(Turn::new(connection, Clock::after(high_ms)))
}

/// Makes the file, if it is not there, so that only its owner can read it; what SQLite puts
/// beside it gets the same mode. One that is there is not opened: closing it again would take away
/// the locks that this process has on it.
pub fn private(file: &Path) -> anyhow::Result<()> {
    match File::options().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("cannot make the data file {}", file.display()))
        }
        _ => Ok(()),
    }
}

/// Connections that only read, opened when they are asked for.
pub(super) fn reader(file: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .busy_timeout(BUSY)
        .disable_statement_logging();
    SqlitePoolOptions::new().max_connections(READERS).idle_timeout(IDLE).connect_lazy_with(options)
}

/// Makes the tables of an empty file; gives the latest time ever written.
async fn prepare(connection: &mut SqliteConnection) -> anyhow::Result<i64> {
    let version: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    anyhow::ensure!(
        version <= DATA_FILE,
        "it was written by a newer version of Hubline (its format is {version}, this one knows up \
         to {DATA_FILE}): use that version, or another directory"
    );
    anyhow::ensure!(
        version == 0 || version == DATA_FILE,
        "it was written by an earlier build of Hubline (its format is {version}, this one's is \
         {DATA_FILE}): run that build until nothing waits, then use another directory"
    );
    if version == 0 {
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(TABLES).execute(&mut *transaction).await?;
        let named = format!("PRAGMA user_version = {DATA_FILE}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(named)).execute(&mut *transaction).await?;
        transaction.commit().await?;
    }
    // What an earlier process could not sync may have left a hole in the log: it is begun anew, as far as nobody
    // reads. A disk that is full now is waited for later, like at any time.
    let _ = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await;
    // Nobody else has the file open: whoever held a claim is dead, and need not be waited for.
    sqlx::raw_sql("UPDATE claim SET lease_until_ms = 0 WHERE state = 'S'")
        .execute(&mut *connection)
        .await?;
    Ok(sqlx::query_scalar("SELECT high_ms FROM clock").fetch_one(connection).await?)
}
