//! What became of what jobs have published: counted in the transaction in which it becomes known,
//! successes with the event log's lines, deaths with the letters.

use std::collections::BTreeMap;

use crate::records::database::{Transaction, on_transaction};
use crate::verdict::Verdict;

/// So many of the last ends are remembered, one by one.
pub(super) const RECENT: usize = 20;

/// How a run ended that a job had published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::records) enum End {
    Succeeded,
    Died,
    /// There was nothing to do.
    Skipped,
}

impl End {
    /// Of a run with this verdict; `None` if it goes on, or ends in a letter that tells.
    pub(in crate::records) fn of_verdict(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Succeeded => Some(Self::Succeeded),
            Verdict::Duplicate
            | Verdict::Stale
            | Verdict::Unwanted
            | Verdict::OwnWrite
            | Verdict::Skipped => Some(Self::Skipped),
            _ => None,
        }
    }
}

#[derive(Default)]
struct Ends {
    succeeded: i64,
    died: i64,
    skipped: i64,
    recent: String,
}

/// Counts ends of runs, each with its job.
pub(in crate::records) async fn note_ends(
    transaction: &mut Transaction,
    ends: impl Iterator<Item = (i64, End)>,
) -> Result<(), sqlx::Error> {
    // In order, so that two transactions take their locks alike.
    let mut jobs: BTreeMap<i64, Ends> = BTreeMap::new();
    for (job_id, end) in ends {
        let job = jobs.entry(job_id).or_default();
        match end {
            End::Succeeded => {
                job.succeeded += 1;
                job.recent.push('s');
            }
            End::Died => {
                job.died += 1;
                job.recent.push('d');
            }
            End::Skipped => job.skipped += 1,
        }
    }
    let last = match transaction {
        Transaction::Postgres(_) => "right(recent || $4, $5)",
        Transaction::Sqlite(..) => "substr(recent || $4, -$5)",
    };
    for (job_id, ends) in jobs {
        let update = format!(
            "UPDATE job SET succeeded = succeeded + $1, died = died + $2, skipped = skipped + $3, \
             recent = {last} WHERE id = $6"
        );
        on_transaction!(transaction, connection => {
            sqlx::query(sqlx::AssertSqlSafe(update))
                .bind(ends.succeeded)
                .bind(ends.died)
                .bind(ends.skipped)
                .bind(ends.recent)
                .bind(i32::try_from(RECENT).unwrap_or(i32::MAX))
                .bind(job_id)
                .execute(connection)
                .await?;
        });
    }
    Ok(())
}
