//! How many messages each queue of the data file has, and since when, as of the last commit: counted
//! beside the writer.

use std::time::Duration;

use prometheus_client::registry::Registry;
use sqlx::SqliteExecutor;
use tokio_util::task::AbortOnDropHandle;

use super::embedded::Embedded;
use crate::broker::gauges::Gauges;
use crate::broker::queue::{Backlog, QueueDepth, QueueKind};
use crate::clock::now_ms;
use crate::store::Store;

/// As often as Prometheus commonly asks.
const EVERY: Duration = Duration::from_secs(15);

const OLDEST_DELAYED: &str = "SELECT min(received_ms) FROM message \
    WHERE queue = 'work' AND due_ms > (SELECT max(high_ms, ?) FROM clock)";

const COUNT: &str = "SELECT queue, due_ms <= (SELECT max(high_ms, ?) FROM clock), count(*), \
    min(due_ms) FROM message GROUP BY 1, 2";

/// The messages of a queue that are due, or those that are not.
#[derive(Debug)]
pub(crate) struct Counted {
    /// The queue they stand in, or come back to.
    pub(crate) queue: String,
    /// Whether they are due.
    pub(crate) is_due: bool,
    /// How many there are.
    pub(crate) messages: u64,
    /// When the first of them was or will be due.
    first_ms: i64,
}

/// Counts all messages by where they stand; what is due is so by the file's time or by `now_ms`, whichever
/// is later.
pub(crate) async fn counted(
    file: impl SqliteExecutor<'_>,
    now_ms: i64,
) -> Result<Vec<Counted>, sqlx::Error> {
    let rows: Vec<(String, bool, i64, i64)> =
        sqlx::query_as(COUNT).bind(now_ms).fetch_all(file).await?;
    let counted = rows.into_iter().map(|(queue, is_due, count, first_ms)| {
        let messages = count.cast_unsigned();
        Counted { queue, is_due, messages, first_ms }
    });
    Ok(counted.collect())
}

/// All queues, the empty ones too. A message that waits for its next attempt counts for `waiting`
/// wherever it comes back to.
pub(in crate::broker) async fn depths(store: &Store) -> Result<Vec<QueueDepth>, sqlx::Error> {
    let empty = |(name, kind): (&str, QueueKind)| QueueDepth {
        messages: Some(0),
        ..QueueDepth::unknown(name.to_owned(), kind)
    };
    let queues = [
        ("work", QueueKind::Work),
        ("bulk", QueueKind::Bulk),
        ("waiting", QueueKind::Retry),
        ("dead", QueueKind::Dead),
    ];
    let mut depths = queues.map(empty);
    for Counted { queue, is_due, messages, first_ms } in counted(store.reader(), now_ms()).await? {
        let [work, bulk, waiting, dead] = &mut depths;
        let depth = match (queue.as_str(), is_due) {
            ("dead", _) => dead,
            (_, false) => waiting,
            ("bulk", true) => bulk,
            (_, true) => work,
        };
        depth.messages = Some(depth.messages.unwrap_or_default() + messages);
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

impl Embedded {
    /// Counts all messages, as of the last commit, those that a worker has in hand too.
    pub async fn backlog(&self) -> Result<Backlog, sqlx::Error> {
        Ok(Backlog::of(&depths(self.store()).await?))
    }

    /// Keeps `hubline_queue_messages` in `registry` until the handle is dropped.
    pub fn measure(&self, registry: &mut Registry) -> AbortOnDropHandle<()> {
        let gauges = Gauges::register(registry, "");
        let store = self.store().clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                if let Ok(depths) = depths(&store).await {
                    gauges.show(depths);
                }
                tokio::time::sleep(EVERY).await;
            }
        }))
    }
}
