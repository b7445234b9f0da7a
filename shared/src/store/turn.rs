//! What an errand is given: the connection inside its transaction, and the time.

use std::fmt;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::clock::Clock;
use super::fault::Fault;

/// How long a checkpoint may keep a connection waiting.
pub(super) const BUSY: Duration = Duration::from_secs(5);

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
    pub connection: SqliteConnection,
    pub(super) clock: Clock,
    pub(super) now_ms: i64,
    /// Whether a commit syncs the disk, as far as is known.
    syncs: Option<bool>,
}

impl Turn {
    pub(super) fn new(connection: SqliteConnection, clock: Clock) -> Self {
        let now_ms = clock.now_ms();
        Self { connection, clock, now_ms, syncs: None }
    }

    /// A statement of the writer's own: its failure is no single errand's.
    pub(super) async fn execute(&mut self, statement: &'static str) -> Result<(), Fault> {
        let executed = sqlx::query(statement).execute(&mut self.connection).await;
        executed.map(|_| ()).map_err(|error| Fault::from(error).of_all())
    }

    /// Whether the next commit is on the disk before it is answered; then `statement`, which may be several.
    /// Between transactions only.
    pub(super) async fn syncing(
        &mut self,
        syncs: bool,
        statement: &'static str,
    ) -> Result<(), Fault> {
        if self.syncs == Some(syncs) {
            return self.execute(statement).await;
        }
        let level = if syncs { "FULL" } else { "NORMAL" };
        self.syncs = None;
        // Together: each message to SQLite's thread and back costs more than what it says.
        self.set(format!("PRAGMA synchronous = {level}; {statement}")).await?;
        self.syncs = Some(syncs);
        Ok(())
    }

    /// Made anew each time: SQLite takes a setting over when a statement is prepared, not when it is run.
    async fn set(&mut self, pragma: String) -> Result<(), Fault> {
        let set = sqlx::raw_sql(AssertSqlSafe(pragma)).execute(&mut self.connection).await;
        set.map(|_| ()).map_err(|error| Fault::from(error).of_all())
    }

    /// Between transactions only.
    pub(super) async fn checkpoint(&mut self, way: Checkpoint) -> Result<Checkpointed, Fault> {
        // Nobody is kept waiting for who reads.
        let patience = |ms: u64| format!("PRAGMA busy_timeout = {ms}");
        let is_patient = !matches!(way, Checkpoint::Truncate);
        if !is_patient {
            self.set(patience(100)).await?;
        }
        let statement = match way {
            Checkpoint::Noop => "PRAGMA wal_checkpoint(NOOP)",
            Checkpoint::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
            Checkpoint::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        let asked = sqlx::query_as::<_, (bool, i64, i64)>(statement);
        let answer = asked.fetch_one(&mut self.connection).await;
        if !is_patient {
            self.set(patience(u64::try_from(BUSY.as_millis()).unwrap_or_default())).await?;
        }
        let (is_busy, pages, _) = answer.map_err(|error| Fault::from(error).of_all())?;
        Ok(Checkpointed { is_busy, pages })
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

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}
