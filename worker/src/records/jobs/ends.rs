//! What became of what jobs have published: counted in the transaction in which it becomes known,
//! successes and failures with the event log's lines, deaths with the letters.

use std::collections::BTreeMap;

use crate::records::database::{Transaction, on_transaction};
use crate::verdict::Verdict;

/// So many of the last runs are remembered, one by one.
pub(super) const RECENT: usize = 20;

/// How a run ended that a job had published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::records) enum End {
    Succeeded,
    /// It failed and is tried again by itself.
    Failed,
    Died,
    /// There was nothing to do.
    Skipped,
}

impl End {
    /// Of a run with this verdict; `None` if it ends in a letter that tells, or only waits.
    pub(in crate::records) fn of_verdict(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Succeeded => Some(Self::Succeeded),
            Verdict::Retried => Some(Self::Failed),
            Verdict::Duplicate
            | Verdict::Stale
            | Verdict::Unwanted
            | Verdict::OwnWrite
            | Verdict::Skipped
            | Verdict::Gone => Some(Self::Skipped),
            _ => None,
        }
    }

    /// As `recent` has it; nothing of what says nothing about how runs fare.
    fn letter(self) -> Option<char> {
        match self {
            Self::Succeeded => Some('s'),
            Self::Failed => Some('f'),
            Self::Died => Some('d'),
            Self::Skipped => None,
        }
    }
}

/// A run of a job, and how it ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::records) struct Ended {
    pub(in crate::records) job_id: i64,
    pub(in crate::records) end: End,
    /// Whether an earlier attempt of the job's had failed. Counted up with the first failure and down
    /// with the end, whichever is written first.
    pub(in crate::records) had_failed: bool,
}

#[derive(Default)]
struct Counts {
    succeeded: i64,
    failing: i64,
    died: i64,
    skipped: i64,
    recent: String,
}

impl Counts {
    fn add(&mut self, Ended { end, had_failed, .. }: Ended) {
        match end {
            End::Succeeded => self.succeeded += 1,
            End::Failed => {}
            End::Died => self.died += 1,
            End::Skipped => self.skipped += 1,
        }
        self.failing += match (end, had_failed) {
            (End::Failed, false) => 1,
            (End::Failed, true) | (_, false) => 0,
            (_, true) => -1,
        };
        self.recent.extend(end.letter());
    }
}

/// Counts ends of runs, each with its job.
pub(in crate::records) async fn note_ends(
    transaction: &mut Transaction,
    ends: impl Iterator<Item = Ended>,
) -> Result<(), sqlx::Error> {
    // In order, so that two transactions take their locks alike.
    let mut jobs: BTreeMap<i64, Counts> = BTreeMap::new();
    for ended in ends {
        jobs.entry(ended.job_id).or_default().add(ended);
    }
    let last = match transaction {
        Transaction::Postgres(_) => "right(recent || $5, $6)",
        Transaction::Sqlite(..) => "substr(recent || $5, -$6)",
    };
    for (job_id, counts) in jobs {
        let update = format!(
            "UPDATE job SET succeeded = succeeded + $1, failing = failing + $2, died = died + $3, \
             skipped = skipped + $4, recent = {last} WHERE id = $7"
        );
        on_transaction!(transaction, connection => {
            sqlx::query(sqlx::AssertSqlSafe(update))
                .bind(counts.succeeded)
                .bind(counts.failing)
                .bind(counts.died)
                .bind(counts.skipped)
                .bind(counts.recent)
                .bind(i32::try_from(RECENT).unwrap_or(i32::MAX))
                .bind(job_id)
                .execute(connection)
                .await?;
        });
    }
    Ok(())
}
