//! How much stands in every queue, and since when, for people who watch. Decides nothing, and
//! declares nothing.

use prometheus_client::registry::Registry;

use super::{Broker, rabbitmq, sqlite};
use crate::metrics::BrokerMetrics;

/// What a queue is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueKind {
    /// Live events.
    Work,
    /// Replays, backfill and bulk retries.
    Bulk,
    /// What waits for its next attempt.
    Retry,
    /// Dead letters that are not in the records yet.
    Dead,
    /// What no queue had the routing key of.
    Unrouted,
}

/// One queue at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// Its name on the engine.
    pub name: String,
    /// What it is for.
    pub kind: QueueKind,
    /// Messages in it, on RabbitMQ without those that a consumer has in hand. `None` if the queue
    /// has not been declared yet.
    pub messages: Option<u64>,
    /// Consumers; a data file has none of its own.
    pub consumers: Option<u32>,
    /// Since when the first message could be taken, ms since the Unix epoch. RabbitMQ does not
    /// tell.
    pub oldest_ms: Option<i64>,
    /// When the first message that waits can be taken, ms since the Unix epoch. RabbitMQ does not
    /// tell.
    pub next_ms: Option<i64>,
}

impl QueueDepth {
    pub(super) fn new(name: String, kind: QueueKind) -> Self {
        Self { name, kind, messages: None, consumers: None, oldest_ms: None, next_ms: None }
    }
}

/// Keeps gauges of the queues until it is dropped.
#[derive(Debug)]
pub struct Measuring {
    _running: Box<dyn std::fmt::Debug + Send + Sync>,
}

impl Broker {
    /// Keeps `hubline_queue_messages`, and on RabbitMQ `hubline_queue_consumers`, in `registry`, over
    /// a connection of its own. What is not known has no value. Must be called on a multi-thread
    /// runtime.
    pub fn measure(
        &self,
        registry: &mut Registry,
        metrics: BrokerMetrics,
    ) -> anyhow::Result<Measuring> {
        let running: Box<dyn std::fmt::Debug + Send + Sync> = match self {
            Self::RabbitMq { settings, topology } => {
                Box::new(rabbitmq::depths::measure(settings, topology.clone(), registry, metrics)?)
            }
            Self::Sqlite(embedded) => Box::new(embedded.measure(registry)),
        };
        Ok(Measuring { _running: running })
    }

    /// All queues, those with live events first. On RabbitMQ over a connection of its own, which
    /// takes as long as the server does: give it a deadline.
    pub async fn depths(&self) -> anyhow::Result<Vec<QueueDepth>> {
        match self {
            Self::RabbitMq { settings, topology } => {
                rabbitmq::depths::ask(settings, topology).await
            }
            Self::Sqlite(embedded) => Ok(sqlite::depths::count(embedded).await?),
        }
    }
}
