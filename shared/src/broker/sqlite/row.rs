//! A message as a row, and back.

use std::array;
use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension as _, Row, Statement, params};

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
    received_ms, generation, traceparent, job, job_attempt, waiting, reason, code, error, dead_ms, steps, body) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const DUE: &str = "SELECT due_ms, id FROM message \
    WHERE queue = ?1 AND (due_ms, id) > (?2, ?3) AND due_ms <= ?4 ORDER BY due_ms, id LIMIT ?5";
const NEXT_DUE: &str = "SELECT min(due_ms) FROM message WHERE queue = ? AND due_ms > ?";
const READ: &str = "SELECT * FROM message WHERE id = ?";
const DELETE: &str = "DELETE FROM message WHERE id = ?";

/// What there was to take.
pub(super) struct Due {
    pub(super) messages: Vec<(i64, Result<Message, MalformedMessage>)>,
    /// How long nothing else will be due, if anything waits at all.
    pub(super) next_due: Option<Duration>,
}

/// Writes messages into their queues, and gives their ids.
pub(super) fn insert(turn: &mut Turn, batch: &[Publication]) -> Result<Vec<i64>, rusqlite::Error> {
    let now_ms = turn.now_ms();
    let mut statement = turn.connection.prepare_cached(INSERT)?;
    batch.iter().map(|publication| insert_one(&mut statement, publication, now_ms)).collect()
}

fn insert_one(
    statement: &mut Statement<'_>,
    publication: &Publication,
    now_ms: i64,
) -> Result<i64, rusqlite::Error> {
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
    statement.insert(params![
        queue,
        now_ms.saturating_add(wait_ms),
        message.event.identity.to_bytes(),
        &*message.event.topic,
        message.event.origin.to_string(),
        message.attempt,
        message.target,
        message.received_ms,
        message.generation,
        message.trace_context().map(TraceContext::to_bytes),
        message.job.map(|job| job.id.cast_signed()),
        message.job.map(|job| job.attempt),
        message.waiting.as_ref().map(ToString::to_string),
        death.map(|death| death.reason.as_str()),
        death.map(|death| &death.code),
        death.map(|death| &death.error),
        death.map(|death| death.dead_ms),
        death.map(Death::steps_text),
        &message.event.body()[..],
    ])
}

/// Messages of `queue` to hand out: those with the ids of `again`, and then what is due and
/// comes behind `after`. Also where the last of these was. What is `fresh` is not read again.
pub(super) fn take(
    turn: &mut Turn,
    queue: &'static str,
    after: (i64, i64),
    again: Vec<i64>,
    wanted: usize,
    fresh: &Fresh,
) -> Result<(Due, (i64, i64)), rusqlite::Error> {
    let (now_ms, connection) = (turn.now_ms(), &turn.connection);
    let (mut ids, mut last) = (again, after);
    let limit = i64::try_from(wanted.saturating_sub(ids.len())).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(DUE)?;
    let mut due = select.query(params![queue, after.0, after.1, now_ms, limit])?;
    while let Some(row) = due.next()? {
        last = (row.get(0)?, row.get(1)?);
        ids.push(last.1);
    }
    let next_due: Option<i64> =
        connection.prepare_cached(NEXT_DUE)?.query_row(params![queue, now_ms], |row| row.get(0))?;
    let mut known: HashMap<_, _> = fresh.take(&ids).into_iter().collect();
    let mut read = connection.prepare_cached(READ)?;
    let mut messages = Vec::with_capacity(ids.len());
    for id in ids {
        let message = match known.remove(&id) {
            Some(message) => Some(Ok(message)),
            None => read.query_row([id], |row| Ok(decode(row))).optional()?,
        };
        // Some may be gone meanwhile.
        messages.extend(message.map(|message| (id, message)));
    }
    let next_due = next_due.map(|due_ms| {
        Duration::from_millis(u64::try_from(due_ms.saturating_sub(now_ms)).unwrap_or_default())
    });
    Ok((Due { messages, next_due }, last))
}

/// Forgets messages.
pub(super) fn delete(turn: &mut Turn, ids: &[i64]) -> Result<(), rusqlite::Error> {
    let mut statement = turn.connection.prepare_cached(DELETE)?;
    ids.iter().try_for_each(|id| statement.execute([id]).map(|_| ()))
}

/// Takes the first message out of `queue`.
#[cfg(feature = "testing")]
pub(super) fn pop(
    turn: &mut Turn,
    queue: &str,
) -> Result<Option<Result<Message, MalformedMessage>>, rusqlite::Error> {
    let first = "DELETE FROM message WHERE id = \
        (SELECT id FROM message WHERE queue = ? ORDER BY due_ms, id LIMIT 1) RETURNING *";
    let mut statement = turn.connection.prepare_cached(first)?;
    statement.query_row([queue], |row| Ok(decode(row))).optional()
}

/// The name of a lane's queue.
pub(super) fn name(lane: Lane) -> &'static str {
    match lane {
        Lane::Work => "work",
        Lane::Bulk => "bulk",
    }
}

/// The message in `row`, which must have every column of the table.
pub(super) fn decode(row: &Row<'_>) -> Result<Message, MalformedMessage> {
    // By its place: to look for a name is to compare it with those before it.
    let columns: [_; 20] = array::from_fn(|at| row.get_ref(at).unwrap_or(ValueRef::Null));
    let body = Bytes::copy_from_slice(columns[19].as_blob().unwrap_or_default());
    message(&columns, &body).map_err(|what| MalformedMessage { what, is_foreign: false, body })
}

fn message(columns: &[ValueRef<'_>; 20], body: &Bytes) -> Result<Message, &'static str> {
    let [
        _id,
        _queue,
        _due_ms,
        identity,
        topic,
        origin,
        attempt,
        target,
        received_ms,
        generation,
        traceparent,
        job,
        job_attempt,
        waiting,
        reason,
        code,
        error,
        dead_ms,
        steps,
        _body,
    ] = *columns;
    let text = |column: ValueRef<'_>| column.as_str().unwrap_or_default().to_owned();
    let number = |column: ValueRef<'_>| column.as_i64().unwrap_or_default();
    let death = reason.as_str().ok().and_then(|reason| reason.parse().ok()).map(|reason| Death {
        reason,
        code: text(code),
        error: text(error),
        dead_ms: number(dead_ms),
        steps: Death::steps_of(steps.as_str().unwrap_or_default()),
    });
    let identity = identity.as_blob().map_err(|_| "identity is missing")?;
    let context = traceparent.as_blob().ok().and_then(TraceContext::from_bytes);
    let origin = origin.as_str().ok().and_then(|origin| origin.parse().ok());
    let identity = Identity::from_bytes(identity).map_err(|_| "identity is not one")?;
    let origin = origin.ok_or("origin is not one")?;
    let attempt = attempt.as_i64().map_err(|_| "attempt")?;
    let generation = generation.as_i64().map_err(|_| "generation")?;
    Ok(Message {
        event: Event::new(origin, topic.as_str().unwrap_or_default(), identity, body.clone()),
        attempt: u32::try_from(attempt).map_err(|_| "attempt is out of range")?,
        target: target.as_str().ok().map(ToOwned::to_owned),
        received_ms: received_ms.as_i64().map_err(|_| "received_ms")?,
        generation: u32::try_from(generation).map_err(|_| "generation is out of range")?,
        traceparent: context.map(|context| context.to_string().into()),
        job: job.as_i64().ok().map(|id| OfJob {
            id: id.cast_unsigned(),
            attempt: u32::try_from(number(job_attempt)).unwrap_or_default(),
        }),
        waiting: waiting.as_str().ok().and_then(|text| text.parse().ok()),
        death,
    })
}

#[cfg(test)]
mod tests;
