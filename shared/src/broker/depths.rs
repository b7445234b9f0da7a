//! How much stands in every queue, and since when, for people who watch. Decides nothing, and
//! declares nothing.

use super::{Broker, rabbitmq, sqlite};

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

impl Broker {
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
