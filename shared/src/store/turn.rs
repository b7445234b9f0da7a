//! What an errand is given: the connection inside its transaction, and the time.

use std::fmt;
use std::time::Duration;

use rusqlite::{Connection, Params};

use super::clock::Clock;
use super::fault::Fault;

/// How long a checkpoint may keep a connection waiting.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// How long one waits that may come to nothing.
const HURRY: Duration = Duration::from_millis(100);

/// SQLite's log is brought into the file in one of these ways (`PRAGMA wal_checkpoint`, sqlite.org/pragma.html).
#[derive(Clone, Copy, Debug)]
pub(super) enum Checkpoint {
    /// Not at all: it is only measured.
    Noop,
    /// As far as nobody reads.
    Passive,
    /// All of it, and then the log is empty.
    Truncate,
}

/// What came of that.
pub(super) struct Checkpointed {
    /// Whether somebody was in the way.
    pub(super) is_busy: bool,
    /// The log's length.
    pub(super) pages: i64,
}

/// What an errand works with.
pub struct Turn {
    /// Inside the transaction.
    pub connection: Connection,
    pub(super) clock: Clock,
    pub(super) now_ms: i64,
    /// Whether a commit syncs the disk, as far as is known.
    syncs: Option<bool>,
}

impl Turn {
    pub(super) fn new(connection: Connection, clock: Clock) -> Self {
        let now_ms = clock.now_ms();
        Self { connection, clock, now_ms, syncs: None }
    }

    /// A statement of the writer's own: its failure is no single errand's.
    pub(super) fn execute(&self, statement: &'static str) -> Result<(), Fault> {
        self.run(statement, [])
    }

    /// Writes down how late it is.
    pub(super) fn write_time(&self, high_ms: i64) -> Result<(), Fault> {
        self.run("UPDATE clock SET high_ms = ?", [high_ms])
    }

    fn run(&self, statement: &'static str, values: impl Params) -> Result<(), Fault> {
        let prepared = self.connection.prepare_cached(statement);
        let run = prepared.and_then(|mut statement| statement.execute(values));
        run.map(|_| ()).map_err(of_all)
    }

    /// Whether the next commit is on the disk before it is answered. Between transactions only.
    pub(super) fn sync(&mut self, syncs: bool) -> Result<(), Fault> {
        if self.syncs == Some(syncs) {
            return Ok(());
        }
        self.syncs = None;
        self.set(if syncs { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" })?;
        self.syncs = Some(syncs);
        Ok(())
    }

    /// Statements made anew each time: SQLite takes a setting over when one is prepared, not when it is run.
    pub(super) fn set(&self, statements: &str) -> Result<(), Fault> {
        self.connection.execute_batch(statements).map_err(of_all)
    }

    /// Between transactions only.
    pub(super) fn checkpoint(&self, way: Checkpoint) -> Result<Checkpointed, Fault> {
        // Nobody is kept waiting for who reads.
        let is_patient = !matches!(way, Checkpoint::Truncate);
        if !is_patient {
            self.connection.busy_timeout(HURRY).map_err(of_all)?;
        }
        let statement = match way {
            Checkpoint::Noop => "PRAGMA wal_checkpoint(NOOP)",
            Checkpoint::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
            Checkpoint::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        let answer = self.connection.query_row(statement, [], |row| {
            Ok(Checkpointed { is_busy: row.get(0)?, pages: row.get(1)? })
        });
        if !is_patient {
            self.connection.busy_timeout(BUSY).map_err(of_all)?;
        }
        answer.map_err(of_all)
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

fn of_all(error: rusqlite::Error) -> Fault {
    Fault::from(error).of_all()
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}
