//! A message as a row, and back.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use sqlx::query_builder::Separated;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::fresh::Fresh;
use crate::broker::lane::Lane;
use crate::broker::malformed::MalformedMessage;
use crate::broker::publication::Publication;
use crate::broker::route::Route;
use crate::event::Event;
use crate::identity::Identity;
use crate::message::{Death, Message, OfJob};
use crate::store::Turn;
use crate::trace::TraceContext;

const INSERT: &str = "INSERT INTO message (queue, due_ms, identity, type, origin, attempt, target, \
    received_ms, generation, traceparent, job, job_attempt, waiting, reason, code, error, dead_ms, steps, body) ";

/// Rows of one statement: a few sizes only, so that each is prepared once. With twos any number takes few.
const ROWS: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];
/// As a JSON array: times and ids of what is due, and when something will be next. One row: each has a way to
/// go from SQLite's thread to who asked.
const DUE: &str = "SELECT json_array((SELECT json_group_array(json_array(due_ms, id)) FROM \
    (SELECT due_ms, id FROM message WHERE queue = ?1 AND (due_ms, id) > (?2, ?3) AND due_ms <= ?4 \
    ORDER BY due_ms, id LIMIT ?5)), \
    (SELECT min(due_ms) FROM message WHERE queue = ?1 AND due_ms > ?4))";

/// What there was to take.
pub(super) struct Due {
    pub(super) messages: Vec<(i64, Result<Message, MalformedMessage>)>,
    /// How long nothing else will be due, if anything waits at all.
    pub(super) next_due: Option<Duration>,
}

/// Writes messages into their queues, and gives their ids.
pub(super) async fn insert(
    turn: &mut Turn,
    batch: &[Publication],
) -> Result<Vec<i64>, sqlx::Error> {
    let (mut left, mut ids) = (batch, Vec::with_capacity(batch.len()));
    for size in ROWS {
        while left.len() >= size {
            let (rows, rest) = left.split_at(size);
            let mut insert = QueryBuilder::new(INSERT);
            insert.push_values(rows, |values, row| bind(values, row, turn.now_ms()));
            let inserted = insert.build().execute(&mut turn.connection).await?;
            // One behind the other: there is nobody else to take one in between.
            let last = inserted.last_insert_rowid();
            ids.extend(
                (0..rows.len()).rev().map(|behind| last - i64::try_from(behind).unwrap_or(0)),
            );
            left = rest;
        }
    }
    Ok(ids)
}

fn bind(mut row: Separated<'_, Sqlite, &str>, publication: &Publication, now_ms: i64) {
    let Publication { route, message } = publication;
    let (queue, wait_ms) = match *route {
        Route::Ready(lane) => (name(lane), 0),
        // Rounded up: no wait ends early.
        Route::Later { lane, wait } => {
            (name(lane), i64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX))
        }
        Route::Dead => ("dead", 0),
    };
    let death = message.death.as_ref();
    row.push_bind(queue)
        .push_bind(now_ms.saturating_add(wait_ms))
        .push_bind(message.event.identity.to_bytes())
        .push_bind(message.event.topic.clone())
        .push_bind(message.event.origin.to_string())
        .push_bind(i64::from(message.attempt))
        .push_bind(message.target.clone())
        .push_bind(message.received_ms)
        .push_bind(i64::from(message.generation))
        .push_bind(message.trace_context().map(|context| context.to_bytes().to_vec()))
        .push_bind(message.job.map(|job| job.id.cast_signed()))
        .push_bind(message.job.map(|job| i64::from(job.attempt)))
        .push_bind(message.waiting.as_ref().map(ToString::to_string))
        .push_bind(death.map(|death| death.reason.as_str()))
        .push_bind(death.map(|death| death.code.clone()))
        .push_bind(death.map(|death| death.error.clone()))
        .push_bind(death.map(|death| death.dead_ms))
        .push_bind(death.map(Death::steps_text))
        .push_bind(message.event.body().to_vec());
}

/// Messages of `queue` to hand out: those with the ids of `again`, and then what is due and
/// comes behind `after`. Also where the last of these was. What is `fresh` is not read again.
pub(super) async fn take(
    turn: &mut Turn,
    queue: &'static str,
    after: (i64, i64),
    again: Vec<i64>,
    wanted: usize,
    fresh: &Fresh,
) -> Result<(Due, (i64, i64)), sqlx::Error> {
    let now_ms = turn.now_ms();
    let due: String = sqlx::query_scalar(DUE)
        .bind(queue)
        .bind(after.0)
        .bind(after.1)
        .bind(now_ms)
        .bind(i64::try_from(wanted.saturating_sub(again.len())).unwrap_or(i64::MAX))
        .fetch_one(&mut turn.connection)
        .await?;
    let (due, next_due): (Vec<(i64, i64)>, Option<i64>) =
        serde_json::from_str(&due).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let last = due.last().copied().unwrap_or(after);
    let mut ids = again;
    ids.extend(due.into_iter().map(|(_, id)| id));
    let mut known: HashMap<_, _> =
        fresh.take(&ids).into_iter().map(|(id, message)| (id, Ok(message))).collect();
    let missing: Vec<i64> = ids.iter().copied().filter(|id| !known.contains_key(id)).collect();
    if !missing.is_empty() {
        let rows =
            sqlx::query("SELECT * FROM message WHERE id IN (SELECT value FROM json_each(?))")
                .bind(serde_json::Value::from(missing).to_string())
                .fetch_all(&mut turn.connection)
                .await?;
        for row in &rows {
            known.insert(row.try_get("id")?, decode(row));
        }
    }
    // Some may be gone meanwhile.
    let messages = ids.iter().filter_map(|id| known.remove_entry(id)).collect();
    let next_due = next_due.map(|due_ms| {
        Duration::from_millis(u64::try_from(due_ms.saturating_sub(now_ms)).unwrap_or_default())
    });
    Ok((Due { messages, next_due }, last))
}

/// Takes the first message out of `queue`.
#[cfg(feature = "testing")]
pub(super) async fn pop(
    turn: &mut Turn,
    queue: String,
) -> Result<Option<Result<Message, MalformedMessage>>, sqlx::Error> {
    let first = "DELETE FROM message WHERE id = \
        (SELECT id FROM message WHERE queue = ? ORDER BY due_ms, id LIMIT 1) RETURNING *";
    let row = sqlx::query(first).bind(queue).fetch_optional(&mut turn.connection).await?;
    Ok(row.map(|row| decode(&row)))
}

/// The name of a lane's queue.
pub(super) fn name(lane: Lane) -> &'static str {
    match lane {
        Lane::Work => "work",
        Lane::Bulk => "bulk",
    }
}

/// The message in `row`, which must have every column.
pub(super) fn decode(row: &SqliteRow) -> Result<Message, MalformedMessage> {
    let body = Bytes::from(row.try_get::<Vec<u8>, _>("body").unwrap_or_default());
    message(row, &body).map_err(|what| MalformedMessage { what, is_foreign: false, body })
}

fn message(row: &SqliteRow, body: &Bytes) -> Result<Message, &'static str> {
    let identity: Vec<u8> = row.try_get("identity").map_err(|_| "identity is missing")?;
    let whole = |column: &'static str| row.try_get::<i64, _>(column).map_err(|_| column);
    let text = |column| row.try_get::<Option<String>, _>(column).ok().flatten();
    // A column that is NULL would be read as 0.
    let number = |column| row.try_get::<Option<i64>, _>(column).ok().flatten();
    let job = number("job").map(|id| (id, number("job_attempt").unwrap_or_default()));
    let death = text("reason").and_then(|reason| reason.parse().ok()).map(|reason| Death {
        reason,
        code: text("code").unwrap_or_default(),
        error: text("error").unwrap_or_default(),
        dead_ms: whole("dead_ms").unwrap_or_default(),
        steps: Death::steps_of(&text("steps").unwrap_or_default()),
    });
    let identity = Identity::from_bytes(&identity).map_err(|_| "identity is not one")?;
    let traceparent: Option<Vec<u8>> = row.try_get("traceparent").ok().flatten();
    let context = traceparent.and_then(|bytes| TraceContext::from_bytes(&bytes));
    let origin =
        text("origin").and_then(|origin| origin.parse().ok()).ok_or("origin is not one")?;
    Ok(Message {
        event: Event::new(origin, text("type").unwrap_or_default(), identity, body.clone()),
        attempt: u32::try_from(whole("attempt")?).map_err(|_| "attempt is out of range")?,
        target: text("target"),
        received_ms: whole("received_ms")?,
        generation: u32::try_from(whole("generation")?)
            .map_err(|_| "generation is out of range")?,
        traceparent: context.map(|context| context.to_string().into()),
        job: job.map(|(id, attempt)| OfJob {
            id: id.cast_unsigned(),
            attempt: u32::try_from(attempt).unwrap_or_default(),
        }),
        waiting: text("waiting").and_then(|text| text.parse().ok()),
        death,
    })
}

#[cfg(test)]
mod tests;
