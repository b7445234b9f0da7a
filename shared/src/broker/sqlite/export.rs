//! The messages of a data file on their way to another broker: read in batches, and forgotten
//! once they are safe there. Takes nothing in hand, so nobody may consume the file meanwhile.

use std::time::Duration;

use rusqlite::{Row, ToSql, params};

use super::embedded::Embedded;
use super::row;
use crate::broker::lane::Lane;
use crate::broker::malformed::MalformedMessage;
use crate::message::Message;
use crate::store::{NotWritten, Turn};

/// Live events leave first, dead letters last.
const QUEUES: [&str; 3] = ["work", "bulk", "dead"];

/// A batch ends behind the body that takes it over this: one body can have megabytes.
const BATCH_BYTES: u64 = 4 * 1024 * 1024;

const SIZES: &str = "SELECT length(body) FROM message WHERE queue = ? ORDER BY due_ms, id LIMIT ?";
/// Those due soonest first: on a broker a message that waits can be held up by the one before it.
const MESSAGES: &str = "SELECT * FROM message WHERE queue = ? ORDER BY due_ms, id LIMIT ?";
const OTHERS: &str = "SELECT * FROM message WHERE queue NOT IN ('work', 'bulk', 'dead') LIMIT 1";

/// A message as it stands in the file.
#[derive(Clone, Debug)]
pub struct Exported {
    /// By which it is forgotten.
    pub id: i64,
    /// Where it stands.
    pub standing: Standing,
    /// The message, or why it cannot be read.
    pub message: Result<Message, MalformedMessage>,
}

/// Where a message of the file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// To be worked on now.
    Due(Lane),
    /// To be worked on after this wait.
    Waiting(Lane, Duration),
    /// Given up.
    Dead,
}

impl Embedded {
    /// The next messages, at most `limit`, fewer if they are large; none if the file has none.
    /// The same ones again until they are forgotten.
    pub async fn export(&self, limit: u32) -> Result<Vec<Exported>, NotWritten> {
        self.store().look(move |turn| export(turn, limit)).await
    }

    /// Deletes the messages with these ids; once this is answered they will not come back.
    pub async fn forget(&self, ids: Vec<i64>) -> Result<(), NotWritten> {
        self.store().write(move |turn| row::delete(turn, &ids)).await
    }
}

fn export(turn: &mut Turn, limit: u32) -> Result<Vec<Exported>, rusqlite::Error> {
    for queue in QUEUES {
        let mut select = turn.connection.prepare_cached(SIZES)?;
        let sizes = select.query_map(params![queue, limit], |row| row.get(0))?;
        let sizes = sizes.collect::<Result<Vec<i64>, _>>()?;
        if !sizes.is_empty() {
            return read(turn, MESSAGES, &[&queue, &batch(&sizes)]);
        }
    }
    read(turn, OTHERS, &[])
}

fn read(
    turn: &Turn,
    messages: &str,
    values: &[&dyn ToSql],
) -> Result<Vec<Exported>, rusqlite::Error> {
    // The file's own clock does not run backwards.
    let now_ms = turn.now_ms();
    let mut select = turn.connection.prepare_cached(messages)?;
    let exported = select.query_map(values, |row| exported(row, now_ms))?;
    exported.collect()
}

/// How many bodies of these sizes make a batch.
fn batch(sizes: &[i64]) -> i64 {
    let (mut count, mut bytes) = (0, 0);
    for size in sizes {
        count += 1;
        bytes += u64::try_from(*size).unwrap_or_default();
        if bytes >= BATCH_BYTES {
            break;
        }
    }
    count
}

fn exported(row: &Row<'_>, now_ms: i64) -> Result<Exported, rusqlite::Error> {
    let (id, due_ms): (i64, i64) = (row.get("id")?, row.get("due_ms")?);
    let queue: String = row.get("queue")?;
    let lane = [Lane::Work, Lane::Bulk].into_iter().find(|lane| row::name(*lane) == queue);
    let standing = match (lane, u64::try_from(due_ms.saturating_sub(now_ms))) {
        (None, _) => Standing::Dead,
        (Some(lane), Ok(left_ms @ 1..)) => Standing::Waiting(lane, Duration::from_millis(left_ms)),
        (Some(lane), _) => Standing::Due(lane),
    };
    let message = match row::decode(row) {
        Ok(message) if lane.is_none() && queue != "dead" => Err(MalformedMessage {
            what: "its queue is unknown",
            is_foreign: false,
            body: message.event.body().clone(),
        }),
        message => message,
    };
    Ok(Exported { id, standing, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_behind_the_body_that_fills_it() {
        let whole = i64::try_from(BATCH_BYTES).unwrap_or_default();
        assert_eq!(batch(&[1, 2, 3]), 3);
        assert_eq!(batch(&[whole, 1]), 1);
        assert_eq!(batch(&[1, whole, 1]), 2);
    }
}
