//! Questions to the event log: what happened to this event, to this deal, in this portal.

use serde::Serialize;
use sqlx::{FromRow, QueryBuilder};

use super::Records;
use super::database::{Database, on_pool};
use super::redaction::Redaction;

/// What is asked for; what is not set does not matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    /// An event's identity, or its beginning.
    pub(crate) event: Option<String>,
    pub(crate) portal_id: Option<i64>,
    pub(crate) object_id: Option<i64>,
    pub(crate) subscription_type: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) verdict: Option<String>,
    /// Ended at or after this.
    pub(crate) since_ms: Option<i64>,
    /// Ended before this.
    pub(crate) until_ms: Option<i64>,
    /// Only what stands behind this line.
    pub(crate) after: Option<Cursor>,
}

/// A line's place: the log is read from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) settled_ms: i64,
    pub(crate) id: i64,
}

/// A line of the log, without the event's bytes.
#[derive(Clone, Debug, FromRow, Serialize)]
pub(crate) struct Line {
    pub(crate) id: i64,
    pub(crate) identity: String,
    pub(crate) portal_id: i64,
    #[serde(rename = "type")]
    #[sqlx(rename = "type")]
    pub(crate) subscription_type: String,
    pub(crate) object_id: Option<i64>,
    pub(crate) property: Option<String>,
    pub(crate) received_ms: i64,
    pub(crate) started_ms: i64,
    pub(crate) settled_ms: i64,
    /// Attempts spent before this one.
    pub(crate) attempt: i32,
    pub(crate) generation: i32,
    pub(crate) target: Option<String>,
    pub(crate) verdict: String,
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) trace_id: Option<String>,
}

impl Line {
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor { settled_ms: self.settled_ms, id: self.id }
    }
}

const SELECT: &str = "SELECT id, identity, portal_id, type, object_id, property, received_ms, \
    started_ms, settled_ms, attempt, generation, target, verdict, code, error, trace_id \
    FROM event_log WHERE true";

impl Records {
    /// The last lines that answer `question`, at most `limit`, the latest first.
    pub(crate) async fn history(
        &self,
        question: &Question,
        limit: u32,
    ) -> anyhow::Result<Vec<Line>> {
        let database = self.ready().await?;
        let lines = on_pool!(database, pool => {
            let mut query = QueryBuilder::new(SELECT);
            if let Some(event) = &question.event {
                // As a range: an index serves it, and `LIKE` would have letters of its own.
                query.push(" AND identity >= ").push_bind(event.clone());
                query.push(" AND identity < ").push_bind(format!("{event}g"));
            }
            if let Some(portal_id) = question.portal_id {
                query.push(" AND portal_id = ").push_bind(portal_id);
            }
            if let Some(object_id) = question.object_id {
                query.push(" AND object_id = ").push_bind(object_id);
            }
            if let Some(subscription_type) = &question.subscription_type {
                query.push(" AND type = ").push_bind(subscription_type.clone());
            }
            if let Some(target) = &question.target {
                query.push(" AND target = ").push_bind(target.clone());
            }
            if let Some(verdict) = &question.verdict {
                query.push(" AND verdict = ").push_bind(verdict.clone());
            }
            if let Some(since_ms) = question.since_ms {
                query.push(" AND settled_ms >= ").push_bind(since_ms);
            }
            if let Some(until_ms) = question.until_ms {
                query.push(" AND settled_ms < ").push_bind(until_ms);
            }
            if let Some(Cursor { settled_ms, id }) = question.after {
                query.push(" AND (settled_ms, id) < (").push_bind(settled_ms);
                query.push(", ").push_bind(id).push(")");
            }
            query.push(" ORDER BY settled_ms DESC, id DESC LIMIT ").push_bind(i64::from(limit));
            query.build_query_as::<Line>().fetch_all(pool).await?
        });
        Ok(lines)
    }

    /// Leaves out of the lines' errors what `redaction` leaves out of their events.
    pub(crate) async fn redact(
        &self,
        redaction: &Redaction,
        lines: &mut [Line],
    ) -> anyhow::Result<()> {
        if !redaction.is_on() {
            return Ok(());
        }
        let database = self.ready().await?;
        for line in lines {
            if let Some(error) = &mut line.error {
                // One event at a time: they can be large.
                let body = body_of(database, &line.identity).await?;
                *error = redaction.of_kept(body.as_deref()).text(error).into_owned();
            }
        }
        Ok(())
    }
}

/// An event's bytes, from wherever they still are.
async fn body_of(database: &Database, identity: &str) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let select = "SELECT body FROM event_log WHERE identity = $1 AND body IS NOT NULL \
        UNION ALL SELECT body FROM dead_letter WHERE identity = $1 AND body IS NOT NULL LIMIT 1";
    on_pool!(database, pool => {
        sqlx::query_scalar(select).bind(identity).fetch_optional(pool).await
    })
}
