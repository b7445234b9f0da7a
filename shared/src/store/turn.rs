//! What an errand is given: the connection inside its transaction, and the time.

use std::fmt;

use sqlx::sqlite::SqliteConnection;

use super::clock::Clock;
use super::fault::Fault;

/// What an errand works with.
pub struct Turn {
    /// Inside the transaction.
    pub connection: SqliteConnection,
    pub(super) clock: Clock,
    pub(super) now_ms: i64,
}

impl Turn {
    pub(super) fn new(connection: SqliteConnection, clock: Clock) -> Self {
        let now_ms = clock.now_ms();
        Self { connection, clock, now_ms }
    }

    /// A statement of the writer's own: its failure is no single errand's.
    pub(super) async fn execute(&mut self, statement: &'static str) -> Result<(), Fault> {
        let executed = sqlx::query(statement).execute(&mut self.connection).await;
        executed.map(|_| ()).map_err(|error| Fault::from(error).of_all())
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
