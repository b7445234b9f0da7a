//! What became of what jobs have published, as counters tell it: counted in the transaction in which it
//! becomes known, successes and failures with the event log's lines, deaths with the letters.

use std::sync::Arc;

use super::runs::Stage;
use crate::records::database::{Transaction, on_transaction};
use crate::verdict::Verdict;

/// So many of the last runs are remembered, one by one.
pub(super) const RECENT: usize = 20;

/// What a message of a run came to that a job had published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::records) enum End {
    Succeeded,
    /// It failed and is tried again by itself.
    Failed,
    Died,
    /// There was nothing to do.
    Skipped,
    /// There was a later attempt: perhaps the job's own, of another copy of the message.
    Stale,
}

impl End {
    /// Of a run with this verdict; `None` if it ends in a letter that tells, or only waits.
    pub(in crate::records) fn of_verdict(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Succeeded => Some(Self::Succeeded),
            Verdict::Retried => Some(Self::Failed),
            Verdict::Stale => Some(Self::Stale),
            Verdict::Duplicate
            | Verdict::Unwanted
            | Verdict::OwnWrite
            | Verdict::Skipped
            | Verdict::Gone => Some(Self::Skipped),
            _ => None,
        }
    }

    /// As `recent` has it; nothing of what says nothing about how runs fare.
    pub(super) fn letter(self) -> Option<char> {
        match self {
            Self::Succeeded => Some('s'),
            Self::Failed => Some('f'),
            Self::Died => Some('d'),
            Self::Skipped | Self::Stale => None,
        }
    }
}

/// What became of a message of a job.
#[derive(Clone, Debug)]
pub(in crate::records) struct Ended {
    pub(in crate::records) job_id: i64,
    pub(in crate::records) identity: String,
    /// Empty if it was for no handler.
    pub(in crate::records) target: String,
    /// Generation and attempt that the job had published it as.
    pub(in crate::records) published_as: (i64, i64),
    /// None if that is still to come, or comes with a letter.
    pub(in crate::records) end: Option<End>,
    /// Of a message to all handlers: those that want it.
    pub(in crate::records) targets: Vec<Arc<str>>,
}

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
