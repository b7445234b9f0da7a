//! What is in the file, and how it is opened.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::{Connection, OpenFlags};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions as _, SqlitePool};

use super::clock::Clock;
use super::turn::{BUSY, Turn};
use crate::format::DATA_FILE;

/// Of a page. A commit writes whole ones, and changes a few rows here and there.
pub const PAGE_BYTES: u32 = 1024;
/// A checkpoint writes each page once that was changed since the last one, however often: so it comes after
/// 256 MiB. After a crash no more than that is read again.
pub const CHECKPOINT_PAGES: i64 = 262_144;
/// Statements that are kept prepared: more than there are.
const STATEMENTS: usize = 128;
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

/// Of the connection that writes. The first two only matter to a new file, and come before what writes to it.
fn settings() -> String {
    format!(
        "PRAGMA page_size = {PAGE_BYTES};
        -- Pages that retention frees are given back step by step.
        PRAGMA auto_vacuum = INCREMENTAL;
        PRAGMA journal_mode = WAL;
        -- What was committed survives a loss of power; the writer says which commits need not.
        PRAGMA synchronous = FULL;
        -- The writer's own business.
        PRAGMA wal_autocheckpoint = 0;
        -- What undoing one errand takes is kept in memory: a full disk elsewhere is no errand's fault.
        PRAGMA temp_store = MEMORY"
    )
}

/// Opens the file, making what is missing.
pub(super) fn open(file: &Path) -> anyhow::Result<Turn> {
    private(file)?;
    // As text: the errors name their sources themselves.
    let mut connection = connect(file).map_err(|error| {
        anyhow::anyhow!("cannot open the data file {}: {error}", file.display())
    })?;
    let high_ms = prepare(&mut connection)
        .map_err(|error| anyhow::anyhow!("cannot use the data file {}: {error}", file.display()))?;
    Ok(Turn::new(connection, Clock::after(high_ms)))
}

fn connect(file: &Path) -> Result<Connection, rusqlite::Error> {
    // One thread at a time has it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(&settings())?;
    Ok(connection)
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
fn prepare(connection: &mut Connection) -> anyhow::Result<i64> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
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
        let transaction = connection.transaction()?;
        transaction.execute_batch(TABLES)?;
        transaction.execute_batch(&format!("PRAGMA user_version = {DATA_FILE}"))?;
        transaction.commit()?;
    }
    // What an earlier process could not sync may have left a hole in the log: it is begun anew, as far as nobody
    // reads. A disk that is full now is waited for later, like at any time.
    let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    // Nobody else has the file open: whoever held a claim is dead, and need not be waited for.
    connection.execute("UPDATE claim SET lease_until_ms = 0 WHERE state = 'S'", [])?;
    Ok(connection.query_row("SELECT high_ms FROM clock", [], |row| row.get(0))?)
}
