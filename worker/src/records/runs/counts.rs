//! What became of what jobs have published, as counters tell it: counted in the transaction in which it
//! becomes known, successes and failures with the event log's lines, deaths with the letters.

use super::stage::Stage;
use crate::records::database::{Transaction, on_transaction};

/// So many of the last runs are remembered, one by one.
pub(in crate::records) const RECENT: usize = 20;

/// What is added to a job's counters.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) runs: i64,
    succeeded: i64,
    failing: i64,
    died: i64,
    skipped: i64,
    pub(super) recent: String,
}

impl Counts {
    /// A run, gone from one stage to another; `None` is not to be there.
    pub(super) fn moved(&mut self, from: Option<Stage>, to: Option<Stage>) {
        for (stage, change) in [(from, -1), (to, 1)] {
            let Some(stage) = stage else { continue };
            self.runs += change;
            match stage {
                Stage::Open => {}
                Stage::Failing => self.failing += change,
                Stage::Succeeded => self.succeeded += change,
                Stage::Died => self.died += change,
                Stage::Skipped => self.skipped += change,
            }
        }
    }

    /// Runs that came to their end.
    #[cfg(test)]
    pub(super) fn ended(&self) -> i64 {
        self.succeeded + self.died + self.skipped
    }

    /// Adds it to a job whose row is locked.
    pub(super) async fn write(
        self,
        transaction: &mut Transaction,
        job_id: i64,
    ) -> Result<(), sqlx::Error> {
        let last = match transaction {
            Transaction::Postgres(_) => "right(recent || $6, $7)",
            Transaction::Sqlite(..) => "substr(recent || $6, -$7)",
        };
        let update = format!(
            "UPDATE job SET runs = runs + $1, succeeded = succeeded + $2, failing = failing + $3, \
             died = died + $4, skipped = skipped + $5, recent = {last} WHERE id = $8"
        );
        on_transaction!(transaction, connection => {
            sqlx::query(sqlx::AssertSqlSafe(update))
                .bind(self.runs)
                .bind(self.succeeded)
                .bind(self.failing)
                .bind(self.died)
                .bind(self.skipped)
                .bind(self.recent)
                .bind(i32::try_from(RECENT).unwrap_or(i32::MAX))
                .bind(job_id)
                .execute(connection)
                .await?;
        });
        Ok(())
    }
}
