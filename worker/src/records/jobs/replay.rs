//! Events of the log as a job publishes them again: each once, however many lines it has.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context as _;
use shared::message::{Message, OfJob};
use shared::origin::Origin;
use sqlx::{ColumnIndex, Decode, FromRow, QueryBuilder, Row, Type};

use super::batch::{Batch, bulk};
use super::handle::Jobs;
use super::job::Job;
use crate::records::clock::{day_of, first_line};
use crate::records::database::{Database, on_pool, on_reading};
use crate::records::dead_letters::plan::{Count, Counted, Plan};
use crate::records::history::Question;
use crate::records::kept::Kept;
use crate::records::row::from_row;

/// Bytes of events published at once; one event can have more.
const BYTES: usize = 4 * 1024 * 1024;

from_row! {
    /// An event's first line of those asked for.
    struct First {
        settled_ms: i64,
        id: i64,
        identity: String,
    }
}

from_row! {
    /// What the log knows of a run.
    struct Run {
        identity: String,
        target: Option<String>,
        attempt: i32,
        generation: i32,
        settled_ms: i64,
        verdict: String,
    }
}

/// A run that is wanted: what was not done, from where it was given up.
struct Wanted {
    target: Option<String>,
    generation: u32,
    attempt: u32,
}

impl Wanted {
    /// By whichever handlers want the event and have not done it.
    const ALL: Self = Self { target: None, generation: 0, attempt: 0 };
}

from_row! {
    struct Bytes {
        origin: Origin as String,
        subscription_type: String = "type",
        received_ms: i64,
        body: Vec<u8>,
    }
}

/// What a replay would be about: of the lines twice `most` are looked at, and of the events `most` are
/// counted.
pub(super) async fn plan(
    database: &Database,
    question: &Question,
    force: bool,
    cutoff_ms: i64,
    most: i64,
) -> Result<Plan, sqlx::Error> {
    let lines = most * 2;
    let Looked { lines: found, given_up, counted } = on_reading!(database, pool => {
        let mut select = QueryBuilder::new(
            "WITH found AS MATERIALIZED \
             (SELECT identity, settled_ms, origin, target, verdict, attempt, generation FROM event_log WHERE id < ",
        );
        select.push_bind(first_line(cutoff_ms.saturating_add(1)));
        question.restrict(&mut select, "");
        select.push(" ORDER BY id LIMIT ").push_bind(lines + 1);
        select.push(
            ") SELECT count(*) AS lines, min(settled_ms) AS oldest_ms, \
             max(settled_ms) AS newest_ms, \
             (SELECT count(*) FROM (SELECT DISTINCT identity FROM found) AS events) AS count, \
             (SELECT count(*) FROM (SELECT DISTINCT origin FROM found) AS origins) AS origins, \
             (SELECT count(*) FROM (SELECT identity FROM found WHERE target IS NOT NULL \
              GROUP BY identity, target HAVING sum(CASE WHEN verdict = 'succeeded' THEN 1 ELSE 0 END) = 0 \
              AND sum(CASE WHEN verdict IN ('exhausted', 'permanent', 'crashed') \
              OR (verdict IN ('skipped', 'gone') AND attempt + generation > 0) THEN 1 ELSE 0 END) > 0) AS again) \
             AS given_up FROM found",
        );
        select.build_query_as().persistent(false).fetch_one(pool).await?
    });
    let count = Count::up_to(most, counted.count);
    let plan = counted.plan(Count { more: count.more || found > lines, ..count });
    // By force all handlers begin anew.
    let more = if force { 0 } else { given_up };
    Ok(Plan { messages: plan.messages + more, ..plan })
}

struct Looked {
    lines: i64,
    /// Handlers that have given an event up, each time: it is sent to them where they left off.
    given_up: i64,
    counted: Counted,
}

impl<'r, R> FromRow<'r, R> for Looked
where
    R: Row,
    &'static str: ColumnIndex<R>,
    Counted: FromRow<'r, R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self {
            lines: row.try_get("lines")?,
            given_up: row.try_get("given_up")?,
            counted: Counted::from_row(row)?,
        })
    }
}

impl Jobs {
    /// The next events of a replay, from where it has come to: up to `limit`, and no more messages than
    /// that, but for those of the last.
    pub(super) async fn next_events(
        &self,
        job: &Job,
        question: &Question,
        force: bool,
        limit: u32,
    ) -> anyhow::Result<Batch> {
        let database = self.records.ready().await?;
        let mut batch = Batch::default();
        let firsts = firsts(database, job, question, limit).await?;
        let mut runs = if force { HashMap::new() } else { runs(database, job, &firsts).await? };
        let (mut bytes, mut messages) = (0, 0);
        for First { settled_ms, id, identity } in firsts {
            batch.place = Some((settled_ms, id));
            let Some(event) = event(database, &identity).await? else {
                batch.gone += 1;
                continue;
            };
            let wanted = if force {
                vec![Wanted { generation: u32::try_from(job.generation)?, ..Wanted::ALL }]
            } else {
                wanted(&runs.remove(&identity).unwrap_or_default())
            };
            bytes += event.body.len();
            messages += wanted.len();
            batch.counted += 1;
            let kept = Kept {
                identity,
                origin: event.origin,
                topic: event.subscription_type,
                received_ms: event.received_ms,
                body: event.body,
            };
            let message = kept.message().context("an event of the log has no identity")?;
            batch.publications.extend(wanted.into_iter().map(|wanted| {
                let Wanted { target, generation, attempt } = wanted;
                let job = Some(OfJob { id: job.id.cast_unsigned(), attempt });
                bulk(Message { target, generation, attempt, job, ..message.clone() })
            }));
            if bytes >= BYTES || messages >= limit as usize {
                break;
            }
        }
        Ok(batch)
    }
}

/// The next lines that are their event's first among those asked for.
async fn firsts(
    database: &Database,
    job: &Job,
    question: &Question,
    limit: u32,
) -> Result<Vec<First>, sqlx::Error> {
    on_pool!(database, pool => {
        let mut select = QueryBuilder::new(
            "SELECT settled_ms, id, identity FROM event_log line WHERE line.id < ",
        );
        select.push_bind(first_line(job.cutoff_ms.saturating_add(1)));
        question.restrict(&mut select, "line.");
        select.push(" AND line.id > ").push_bind(job.place_id);
        select.push(" AND line.day >= ").push_bind(i64::from(day_of(job.place_ms)));
        // What was written late may stand where the job has been already.
        select.push(" AND line.logged_ms <= ").push_bind(job.created_ms);
        select.push(
            " AND NOT EXISTS (SELECT 1 FROM event_log earlier \
             WHERE earlier.identity = line.identity AND earlier.id < line.id \
             AND earlier.logged_ms <= ",
        );
        select.push_bind(job.created_ms);
        question.restrict(&mut select, "earlier.");
        select.push(") ORDER BY line.id LIMIT ").push_bind(i64::from(limit));
        select.build_query_as().persistent(false).fetch_all(pool).await
    })
}

/// The runs of each event, but for those of the job itself.
async fn runs(
    database: &Database,
    job: &Job,
    firsts: &[First],
) -> Result<HashMap<String, Vec<Run>>, sqlx::Error> {
    if firsts.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<Run> = on_pool!(database, pool => {
        let mut select = QueryBuilder::new(
            "SELECT identity, target, attempt, generation, settled_ms, verdict FROM event_log \
             WHERE (job_id IS NULL OR job_id <> ",
        );
        select.push_bind(job.id).push(") AND identity IN (");
        let mut identities = select.separated(", ");
        for first in firsts {
            identities.push_bind(&first.identity);
        }
        select.push(")");
        select.build_query_as().persistent(false).fetch_all(pool).await?
    });
    let mut runs: HashMap<String, Vec<Run>> = HashMap::new();
    for run in found {
        runs.entry(run.identity.clone()).or_default().push(run);
    }
    Ok(runs)
}

/// What of an event is to be run: each handler that gave it up, where it was given up and with one
/// attempt more than was spent, which is the first that the ledger takes; each that skipped it or found
/// its record gone, where it did; and all others afresh. Those that have done it answer that they have;
/// one that waits for another try goes on by itself.
fn wanted(runs: &[Run]) -> Vec<Wanted> {
    let mut last: BTreeMap<&str, &Run> = BTreeMap::new();
    for run in runs {
        let Some(target) = &run.target else { continue };
        // A copy says nothing of how the event fares.
        if matches!(&*run.verdict, "duplicate" | "stale") {
            continue;
        }
        let newest = last.entry(target).or_insert(run);
        if (run.generation, run.attempt, run.settled_ms)
            > (newest.generation, newest.attempt, newest.settled_ms)
        {
            *newest = run;
        }
    }
    let mut wanted: Vec<Wanted> = last.values().filter_map(|run| again(run)).collect();
    // No handler has ever seen what cannot be read.
    let unreadable = runs.iter().filter(|run| run.target.is_none() && run.verdict == "unreadable");
    match unreadable.max_by_key(|run| run.attempt) {
        Some(run) if last.is_empty() => wanted.push(after(run)),
        _ => wanted.push(Wanted::ALL),
    }
    wanted
}

fn again(run: &Run) -> Option<Wanted> {
    match &*run.verdict {
        "exhausted" | "permanent" | "crashed" => Some(after(run)),
        // Ended so at once, it is run like one that is new to it.
        "skipped" | "gone" if (run.generation, run.attempt) != (0, 0) => {
            Some(Wanted { attempt: run.attempt.cast_unsigned(), ..after(run) })
        }
        _ => None,
    }
}

fn after(run: &Run) -> Wanted {
    Wanted {
        target: run.target.clone(),
        generation: run.generation.cast_unsigned(),
        attempt: run.attempt.saturating_add(1).cast_unsigned(),
    }
}

/// The event's bytes and what was known of it when it came in, if the log still has them.
async fn event(database: &Database, identity: &str) -> Result<Option<Bytes>, sqlx::Error> {
    on_pool!(database, pool => {
        sqlx::query_as(
            "SELECT origin, type, received_ms, body FROM event_log \
             WHERE identity = $1 AND body IS NOT NULL ORDER BY settled_ms LIMIT 1",
        )
        .bind(identity)
        .fetch_optional(pool)
        .await
    })
}

#[cfg(test)]
mod tests;
