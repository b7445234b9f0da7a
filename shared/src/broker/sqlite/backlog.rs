//! How many messages the data file holds, counted beside the writer.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio_util::task::AbortOnDropHandle;

use super::Embedded;
use crate::clock::now_ms;

/// As often as Prometheus commonly asks.
const EVERY: Duration = Duration::from_secs(15);

/// The messages of a data file, those that a worker has in hand too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Live events to be worked on now.
    pub work: u64,
    /// Replays and bulk retries to be worked on now.
    pub bulk: u64,
    /// Waiting for their next attempt.
    pub waiting: u64,
    /// Dead letters that are not in the records yet.
    pub dead: u64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QueueLabels {
    queue: &'static str,
}

impl Embedded {
    /// Counts all messages, as of the last commit.
    pub async fn backlog(&self) -> Result<Backlog, sqlx::Error> {
        let counts: Vec<(String, bool, i64)> = sqlx::query_as(
            "SELECT queue, due_ms <= (SELECT max(high_ms, ?) FROM clock), count(*) \
             FROM message GROUP BY 1, 2",
        )
        .bind(now_ms())
        .fetch_all(self.store().reader())
        .await?;
        let mut backlog = Backlog::default();
        for (queue, is_due, count) in counts {
            let part = match (queue.as_str(), is_due) {
                ("dead", _) => &mut backlog.dead,
                (_, false) => &mut backlog.waiting,
                ("bulk", true) => &mut backlog.bulk,
                (_, true) => &mut backlog.work,
            };
            *part += count.cast_unsigned();
        }
        Ok(backlog)
    }

    /// Keeps gauges of the backlog in `registry` until the handle is dropped.
    pub fn measure(self: &Arc<Self>, registry: &mut Registry) -> AbortOnDropHandle<()> {
        let gauges = Family::<QueueLabels, Gauge>::default();
        registry.register(
            "queue_messages",
            "Messages in the data file, those in hand too; `waiting` is for a retry, `dead` for the records",
            gauges.clone(),
        );
        let embedded = Arc::clone(self);
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                if let Ok(backlog) = embedded.backlog().await {
                    let Backlog { work, bulk, waiting, dead } = backlog;
                    for (queue, count) in
                        [("work", work), ("bulk", bulk), ("waiting", waiting), ("dead", dead)]
                    {
                        gauges.get_or_create(&QueueLabels { queue }).set(count.cast_signed());
                    }
                }
                tokio::time::sleep(EVERY).await;
            }
        }))
    }
}
