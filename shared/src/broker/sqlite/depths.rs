//! How many messages each queue of the data file has, and since when, as of the last commit.

use super::Embedded;
use crate::broker::{QueueDepth, QueueKind};
use crate::clock::now_ms;
use crate::store::Store;

const OLDEST_DELAYED: &str = "SELECT min(received_ms) FROM message \
    WHERE queue = 'work' AND due_ms > (SELECT max(high_ms, ?) FROM clock)";

const SELECT: &str = "SELECT queue, due_ms <= (SELECT max(high_ms, ?) FROM clock), count(*), \
    min(due_ms) FROM message GROUP BY 1, 2";

/// All queues, the empty ones too. A message that waits for its next attempt counts for `waiting`
/// wherever it comes back to.
pub(in crate::broker) async fn count(embedded: &Embedded) -> Result<Vec<QueueDepth>, sqlx::Error> {
    let rows: Vec<(String, bool, i64, i64)> =
        sqlx::query_as(SELECT).bind(now_ms()).fetch_all(embedded.store().reader()).await?;
    let empty = |(name, kind): (&str, QueueKind)| QueueDepth {
        messages: Some(0),
        ..QueueDepth::new(name.to_owned(), kind)
    };
    let queues = [
        ("work", QueueKind::Work),
        ("bulk", QueueKind::Bulk),
        ("waiting", QueueKind::Retry),
        ("dead", QueueKind::Dead),
    ];
    let mut depths = queues.map(empty);
    for (queue, is_due, count, first_ms) in rows {
        let [work, bulk, waiting, dead] = &mut depths;
        let depth = match (queue.as_str(), is_due) {
            ("dead", _) => dead,
            (_, false) => waiting,
            ("bulk", true) => bulk,
            (_, true) => work,
        };
        depth.messages = Some(depth.messages.unwrap_or_default() + count.cast_unsigned());
        let first = match depth.kind {
            QueueKind::Retry => &mut depth.next_ms,
            _ => &mut depth.oldest_ms,
        };
        *first = Some(first.map_or(first_ms, |known| known.min(first_ms)));
    }
    Ok(depths.into())
}

/// When the oldest live event was received that waits for another attempt, ms since the Unix epoch;
/// `None` if none waits. What was committed last is what it sees.
pub async fn oldest_delayed(store: &Store) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(OLDEST_DELAYED).bind(now_ms()).fetch_one(store.reader()).await
}
