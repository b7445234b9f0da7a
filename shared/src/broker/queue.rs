//! What is counted of a queue. Who counts is the engine's business.

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
    pub(super) fn unknown(name: String, kind: QueueKind) -> Self {
        Self { name, kind, messages: None, consumers: None, oldest_ms: None, next_ms: None }
    }
}

/// How many messages there are of each kind, on RabbitMQ without those that a consumer has in hand.
/// The unrouted count for no kind.
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

impl Backlog {
    /// All of `queues` together.
    #[must_use]
    pub fn of(queues: &[QueueDepth]) -> Self {
        let all = |kind| {
            let queues = queues.iter().filter(|queue| queue.kind == kind);
            queues.filter_map(|queue| queue.messages).sum()
        };
        let [work, bulk, waiting, dead] =
            [QueueKind::Work, QueueKind::Bulk, QueueKind::Retry, QueueKind::Dead].map(all);
        Self { work, bulk, waiting, dead }
    }
}
