//! Events of the log as a job publishes them again: each once, however many lines it has.

use std::collections::HashMap;

use shared::message::Message;
use sqlx::{FromRow, QueryBuilder};

use super::letters::bulk;
use super::work::Batch;
use super::{Job, Jobs};
use crate::records::Question;
use crate::records::database::{Database, on_pool};
use crate::records::dead_letters::Plan;

/// Bytes of events published at once; one event can have more.
const BYTES: usize = 4 * 1024 * 1024;

/// An event's first line of those asked for.
#[derive(FromRow)]
struct First {
    settled_ms: i64,
    id: i64,
    identity: String,
}

/// What the log knows of an event's attempts.
#[derive(FromRow)]
struct Course {
    identity: String,
    attempt: i32,
    generation: i32,
    verdict: String,
}

#[derive(FromRow)]
struct Bytes {
    portal_id: i64,
    #[sqlx(rename = "type")]
    subscription_type: String,
    received_ms: i64,
    body: Vec<u8>,
}

/// What a replay would be about.
pub(super) async fn plan(
    database: &Database,
    question: &Question,
    cutoff_ms: i64,
) -> Result<Plan, sqlx::Error> {
    on_pool!(database, pool => {
        let mut select = QueryBuilder::new(
            "SELECT count(DISTINCT identity) AS count, min(settled_ms) AS oldest_ms, \
             max(settled_ms) AS newest_ms, count(DISTINCT portal_id) AS portals \
             FROM event_log WHERE settled_ms <= ",
        );
        select.push_bind(cutoff_ms);
        question.restrict(&mut select, "");
        select.build_query_as().persistent(false).fetch_one(pool).await
    })
}

impl Jobs {
    /// The next events of a replay, from where it has come to.
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
        let spent = if force { HashMap::new() } else { spent(database, &firsts).await? };
        let mut bytes = 0;
        for First { settled_ms, id, identity } in firsts {
            batch.place = Some((settled_ms, id));
            let Some(event) = event(database, &identity).await? else {
                batch.gone += 1;
                continue;
            };
            let (generation, attempt) = match spent.get(&identity) {
                _ if force => (u32::try_from(job.id)?, 0),
                Some(spent) => *spent,
                None => (0, 0),
            };
            bytes += event.body.len();
            batch.counted += 1;
            batch.publications.push(bulk(Message {
                body: event.body.into(),
                identity: identity.parse().map_err(|_| anyhow::anyhow!("not an identity"))?,
                subscription_type: event.subscription_type,
                portal_id: event.portal_id.cast_unsigned(),
                attempt,
                target: None,
                received_ms: event.received_ms,
                generation,
                traceparent: None,
                job: Some(job.id.cast_unsigned()),
                death: None,
            }));
            if bytes >= BYTES {
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
            "SELECT settled_ms, id, identity FROM event_log line WHERE line.settled_ms <= ",
        );
        select.push_bind(job.cutoff_ms);
        question.restrict(&mut select, "line.");
        select.push(" AND (line.settled_ms, line.id) > (").push_bind(job.place_ms);
        select.push(", ").push_bind(job.place_id);
        select.push(
            ") AND NOT EXISTS (SELECT 1 FROM event_log earlier \
             WHERE earlier.identity = line.identity \
             AND (earlier.settled_ms, earlier.id) < (line.settled_ms, line.id)",
        );
        question.restrict(&mut select, "earlier.");
        select.push(") ORDER BY settled_ms, id LIMIT ").push_bind(i64::from(limit));
        select.build_query_as().persistent(false).fetch_all(pool).await
    })
}

/// The generation of each event's last runs, and an attempt that the ledger takes for what did not
/// succeed in it: none that was spent.
async fn spent(
    database: &Database,
    firsts: &[First],
) -> Result<HashMap<String, (u32, u32)>, sqlx::Error> {
    if firsts.is_empty() {
        return Ok(HashMap::new());
    }
    let courses: Vec<Course> = on_pool!(database, pool => {
        let mut select = QueryBuilder::new(
            "SELECT identity, attempt, generation, verdict FROM event_log WHERE identity IN (",
        );
        let mut identities = select.separated(", ");
        for first in firsts {
            identities.push_bind(&first.identity);
        }
        select.push(")");
        select.build_query_as().persistent(false).fetch_all(pool).await?
    });
    let mut spent: HashMap<String, (u32, u32)> = HashMap::new();
    for course in courses {
        let failed = matches!(&*course.verdict, "retried" | "exhausted" | "permanent" | "crashed");
        let attempt = if failed { course.attempt.saturating_add(1) } else { 0 };
        let run = (course.generation.cast_unsigned(), attempt.cast_unsigned());
        let last = spent.entry(course.identity).or_default();
        *last = (*last).max(run);
    }
    Ok(spent)
}

/// The event's bytes and what was known of it when it came in, if the log still has them.
async fn event(database: &Database, identity: &str) -> Result<Option<Bytes>, sqlx::Error> {
    on_pool!(database, pool => {
        sqlx::query_as(
            "SELECT portal_id, type, received_ms, body FROM event_log \
             WHERE identity = $1 AND body IS NOT NULL ORDER BY settled_ms LIMIT 1",
        )
        .bind(identity)
        .fetch_optional(pool)
        .await
    })
}
