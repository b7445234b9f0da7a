//! What a transaction does to the counters, gathered and written at its end.

use std::collections::BTreeMap;

use shared::origin::Origin;
use sqlx::QueryBuilder;

use super::state::{Counters, State};
use crate::records::database::{Transaction, on_transaction};
use crate::records::runs::at_work::AtWork;

/// Changes of counters. In order, so that two transactions take their locks alike.
#[derive(Debug, Default)]
pub(super) struct Tally {
    problems: BTreeMap<String, Counters>,
    /// Dead letters of a problem and one origin, and when the last one died, if one did now.
    origins: BTreeMap<(String, Origin), (i64, i64)>,
    /// A job that does it, who must be at work on that, and how far it comes by it.
    job: Option<(i64, String, Progress)>,
}

/// How far a job comes: what is added to its counters, and its new place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    pub(super) published: i64,
    /// Runs that are over with it: others are counted when they are published.
    pub(super) runs: i64,
    pub(super) succeeded: i64,
    pub(super) skipped: i64,
    /// The last letter that it has looked at.
    pub(super) place_id: Option<i64>,
    /// Whether it is void once the job is to wait or to end.
    pub(super) must_run: bool,
}

impl Tally {
    /// A letter of a problem, gone from one state to another; `None` is not to be there.
    pub(super) fn moved(
        &mut self,
        fingerprint: &str,
        origin: &Origin,
        from: Option<State>,
        to: Option<State>,
    ) {
        let counters = self.problems.entry(fingerprint.to_owned()).or_default();
        if let Some(from) = from {
            *counters.of(from) -= 1;
        }
        if let Some(to) = to {
            *counters.of(to) += 1;
        }
        let difference = i64::from(to == Some(State::Dead)) - i64::from(from == Some(State::Dead));
        if difference != 0 {
            self.origins.entry((fingerprint.to_owned(), origin.clone())).or_default().0 +=
                difference;
        }
    }

    /// A letter that is new.
    pub(super) fn died(&mut self, fingerprint: &str, origin: &Origin, died_ms: i64) {
        self.moved(fingerprint, origin, None, Some(State::Dead));
        let of = self.origins.entry((fingerprint.to_owned(), origin.clone())).or_default();
        of.1 = of.1.max(died_ms);
    }

    /// A job does it.
    pub(super) fn of_job(&mut self, at: AtWork<'_>, progress: Progress) {
        self.job = Some((at.job_id, at.owner.to_owned(), progress));
    }

    /// Writes all of it. Every problem must have its row. False if somebody else works on the job by
    /// now, or it is not running and should: then nothing of it may be committed.
    pub(super) async fn write(self, transaction: &mut Transaction) -> Result<bool, sqlx::Error> {
        for (fingerprint, counters) in &self.problems {
            if *counters == Counters::default() {
                continue;
            }
            on_transaction!(transaction, connection => {
                sqlx::query(
                    "UPDATE problem SET dead = dead + $1, requested = requested + $2, \
                     retried = retried + $3, resolved = resolved + $4, \
                     died_again = died_again + $5, discarded = discarded + $6 \
                     WHERE fingerprint = $7",
                )
                .bind(counters.dead)
                .bind(counters.requested)
                .bind(counters.retried)
                .bind(counters.resolved)
                .bind(counters.died_again)
                .bind(counters.discarded)
                .bind(fingerprint)
                .execute(connection)
                .await?;
            });
        }
        write_origins(transaction, self.origins.into_iter().collect()).await?;
        let Some((job_id, owner, progress)) = self.job else { return Ok(true) };
        // Last of all, as whoever notes the ends of runs does: two never wait for one another.
        let written = on_transaction!(transaction, connection => {
            sqlx::query(
                "UPDATE job SET published = published + $1, runs = runs + $2, \
                 succeeded = succeeded + $3, skipped = skipped + $4, \
                 place_id = coalesce($5, place_id) \
                 WHERE id = $6 AND owner = $7 AND (state = 'running' OR NOT $8)",
            )
            .bind(progress.published)
            .bind(progress.runs)
            .bind(progress.succeeded)
            .bind(progress.skipped)
            .bind(progress.place_id)
            .bind(job_id)
            .bind(owner)
            .bind(progress.must_run)
            .execute(connection)
            .await?
            .rows_affected()
        });
        Ok(written > 0)
    }
}

/// Of a problem and one origin: how many more letters are dead, and when the last one died.
type OfOrigin = ((String, Origin), (i64, i64));

/// Writes what changed of each problem and each origin, and of each origin over all problems.
async fn write_origins(
    transaction: &mut Transaction,
    changes: Vec<OfOrigin>,
) -> Result<(), sqlx::Error> {
    let mut origins: BTreeMap<String, (i64, i64, i64)> = BTreeMap::new();
    for rows in changes.chunks(1000) {
        let written: Vec<(String, String, i64)> = on_transaction!(transaction, connection => {
            let mut upsert = QueryBuilder::new(
                "INSERT INTO problem_origin (fingerprint, origin, dead, last_ms) ",
            );
            upsert.push_values(rows, |mut row, ((fingerprint, origin), (dead, last_ms))| {
                row.push_bind(fingerprint)
                    .push_bind(origin.to_string())
                    .push_bind(*dead)
                    .push_bind(*last_ms);
            });
            upsert.push(
                " ON CONFLICT (fingerprint, origin) DO UPDATE SET \
                 dead = problem_origin.dead + excluded.dead, \
                 last_ms = CASE WHEN excluded.last_ms > problem_origin.last_ms \
                 THEN excluded.last_ms ELSE problem_origin.last_ms END \
                 RETURNING fingerprint, origin, dead",
            );
            upsert.build_query_as().persistent(false).fetch_all(connection).await?
        });
        let changes: BTreeMap<(&str, String), (i64, i64)> = rows
            .iter()
            .map(|((problem, origin), change)| ((&**problem, origin.to_string()), *change))
            .collect();
        for (fingerprint, origin, now) in written {
            let (dead, last_ms) =
                changes.get(&(&*fingerprint, origin.clone())).copied().unwrap_or_default();
            let of = origins.entry(origin).or_default();
            of.0 += dead;
            of.1 += i64::from(now > 0) - i64::from(now - dead > 0);
            of.2 = of.2.max(last_ms);
        }
    }
    let origins: Vec<_> = origins.into_iter().collect();
    for rows in origins.chunks(1000) {
        on_transaction!(transaction, connection => {
            let mut upsert =
                QueryBuilder::new("INSERT INTO origin (origin, dead, problems, last_ms) ");
            upsert.push_values(rows, |mut row, (origin, (dead, problems, last_ms))| {
                row.push_bind(origin)
                    .push_bind(*dead)
                    .push_bind(*problems)
                    .push_bind(*last_ms);
            });
            upsert.push(
                " ON CONFLICT (origin) DO UPDATE SET dead = origin.dead + excluded.dead, \
                 problems = origin.problems + excluded.problems, \
                 last_ms = CASE WHEN excluded.last_ms > origin.last_ms \
                 THEN excluded.last_ms ELSE origin.last_ms END",
            );
            upsert.build().persistent(false).execute(connection).await?;
        });
    }
    Ok(())
}
