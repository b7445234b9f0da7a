//! What a transaction does to the counters, gathered and written at its end.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;

use super::state::{Counters, State};
use crate::records::database::{Transaction, on_transaction};

/// Changes of counters. In order, so that two transactions take their locks alike.
#[derive(Debug, Default)]
pub(super) struct Tally {
    problems: BTreeMap<String, Counters>,
    /// Dead letters of a problem in one portal, and when the last one died, if one did now.
    portals: BTreeMap<(String, i64), (i64, i64)>,
    /// A job, how many more letters it publishes, and who must be at work on it.
    published: Option<(i64, i64, Option<String>)>,
}

impl Tally {
    /// A letter of a problem, gone from one state to another; `None` is not to be there.
    pub(super) fn moved(
        &mut self,
        fingerprint: &str,
        portal_id: i64,
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
            self.portals.entry((fingerprint.to_owned(), portal_id)).or_default().0 += difference;
        }
    }

    /// A letter that is new.
    pub(super) fn died(&mut self, fingerprint: &str, portal_id: i64, died_ms: i64) {
        self.moved(fingerprint, portal_id, None, Some(State::Dead));
        let portal = self.portals.entry((fingerprint.to_owned(), portal_id)).or_default();
        portal.1 = portal.1.max(died_ms);
    }

    /// Letters that a job has claimed to publish them, less those it has given back.
    pub(super) fn published(&mut self, job_id: i64, letters: i64, owner: Option<&str>) {
        self.published = Some((job_id, letters, owner.map(str::to_owned)));
    }

    /// Writes all of it. Every problem must have its row. False if somebody else works on the job, or
    /// it is not running: then nothing of it may be committed.
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
        write_portals(transaction, self.portals.into_iter().collect()).await?;
        let Some((job_id, letters, owner)) = self.published else { return Ok(true) };
        let is_owned = owner.is_some();
        // Last of all, as whoever notes the ends of runs does: two never wait for one another.
        let written = on_transaction!(transaction, connection => {
            sqlx::query(
                "UPDATE job SET published = published + $1 WHERE id = $2 \
                 AND ($3 = '' OR (owner = $3 AND state = 'running'))",
            )
            .bind(letters)
            .bind(job_id)
            .bind(owner.unwrap_or_default())
            .execute(connection)
            .await?
            .rows_affected()
        });
        Ok(written > 0 || !is_owned)
    }
}

/// Of a problem in one portal: how many more letters are dead, and when the last one died.
type OfPortal = ((String, i64), (i64, i64));

/// Writes what changed of each problem in each portal, and of each portal over all problems.
async fn write_portals(
    transaction: &mut Transaction,
    changes: Vec<OfPortal>,
) -> Result<(), sqlx::Error> {
    let mut portals: BTreeMap<i64, (i64, i64, i64)> = BTreeMap::new();
    for rows in changes.chunks(1000) {
        let written: Vec<(String, i64, i64)> = on_transaction!(transaction, connection => {
            let mut upsert = QueryBuilder::new(
                "INSERT INTO problem_portal (fingerprint, portal_id, dead, last_ms) ",
            );
            upsert.push_values(rows, |mut row, ((fingerprint, portal_id), (dead, last_ms))| {
                row.push_bind(fingerprint)
                    .push_bind(*portal_id)
                    .push_bind(*dead)
                    .push_bind(*last_ms);
            });
            upsert.push(
                " ON CONFLICT (fingerprint, portal_id) DO UPDATE SET \
                 dead = problem_portal.dead + excluded.dead, \
                 last_ms = CASE WHEN excluded.last_ms > problem_portal.last_ms \
                 THEN excluded.last_ms ELSE problem_portal.last_ms END \
                 RETURNING fingerprint, portal_id, dead",
            );
            upsert.build_query_as().persistent(false).fetch_all(connection).await?
        });
        let changes: BTreeMap<(&str, i64), (i64, i64)> = rows
            .iter()
            .map(|((problem, portal), change)| ((&**problem, *portal), *change))
            .collect();
        for (fingerprint, portal_id, now) in &written {
            let (dead, last_ms) =
                changes.get(&(&**fingerprint, *portal_id)).copied().unwrap_or_default();
            let portal = portals.entry(*portal_id).or_default();
            portal.0 += dead;
            portal.1 += i64::from(*now > 0) - i64::from(now - dead > 0);
            portal.2 = portal.2.max(last_ms);
        }
    }
    let portals: Vec<_> = portals.into_iter().collect();
    for rows in portals.chunks(1000) {
        on_transaction!(transaction, connection => {
            let mut upsert =
                QueryBuilder::new("INSERT INTO portal (portal_id, dead, problems, last_ms) ");
            upsert.push_values(rows, |mut row, (portal_id, (dead, problems, last_ms))| {
                row.push_bind(*portal_id)
                    .push_bind(*dead)
                    .push_bind(*problems)
                    .push_bind(*last_ms);
            });
            upsert.push(
                " ON CONFLICT (portal_id) DO UPDATE SET dead = portal.dead + excluded.dead, \
                 problems = portal.problems + excluded.problems, \
                 last_ms = CASE WHEN excluded.last_ms > portal.last_ms \
                 THEN excluded.last_ms ELSE portal.last_ms END",
            );
            upsert.build().persistent(false).execute(connection).await?;
        });
    }
    Ok(())
}
