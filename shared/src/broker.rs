//! The broker as the rest of Hubline sees it: publish durably, take deliveries, settle them.
//!
//! Only this module and what is below it knows AMQP. Whether something is retried, given up or
//! done is decided by the worker; here it is only carried out.

use std::sync::Arc;
use std::time::Duration;

use crate::message::Message;
use crate::metrics::label;
use crate::settings::BrokerSettings;

mod consumer;
mod dead_letters;
mod depths;
mod publisher;
mod rabbitmq;
mod settlement;
mod sqlite;

pub use consumer::{Consumer, ConsumerOptions};
pub use dead_letters::{DeadLetterOptions, DeadLetters, DeadQueue};
pub use depths::{Measuring, QueueDepth, QueueKind};
pub use publisher::{Publisher, PublisherOptions};
pub use rabbitmq::properties::MalformedMessage;
#[cfg(feature = "testing")]
pub(crate) use rabbitmq::properties::{
    decode as decode_message, encode as encode_message, rest as rest_of,
};
pub use rabbitmq::topology::Topology;
pub use settlement::Settlement;
pub use sqlite::Embedded;
pub use sqlite::backlog::Backlog;
pub use sqlite::depths::oldest_delayed;
pub use sqlite::export::{Exported, Standing};

/// Where messages are kept: one variant per engine, the same meaning in each.
#[derive(Clone, Debug)]
pub enum Broker {
    /// Queues on RabbitMQ.
    RabbitMq {
        /// How to reach it.
        settings: BrokerSettings,
        /// What it is to have.
        topology: Topology,
    },
    /// Queues in the data file of an embedded Hubline.
    Sqlite(Arc<Embedded>),
}

/// Which queue family a message lives in. A retry comes back to the one it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Live events, sharded by origin.
    Work,
    /// Replays, backfill and bulk retries, which must not starve live events.
    Bulk,
}

/// Where a message is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To be worked on now.
    Ready(Lane),
    /// To be worked on after a wait of any length: not before it is over. In a data file it is
    /// then due. On RabbitMQ it comes back a tenth and one shortest delay later at the most, and
    /// may come by before that, with a [rest](Delivery::rest).
    Later {
        /// The lane it comes back to.
        lane: Lane,
        /// How long it waits.
        wait: Duration,
    },
    /// To the dead letters.
    Dead,
}

label! {
    /// A route as metrics and traces name it.
    pub enum Destination {
        /// The work queues.
        Work = "work",
        /// The bulk queue.
        Bulk = "bulk",
        /// The retry queues, whichever delay and lane.
        Retry = "retry",
        /// The dead letters.
        Dead = "dead",
    }
}

impl Route {
    /// What it is called in metrics and traces.
    #[must_use]
    pub fn destination(self) -> Destination {
        match self {
            Self::Ready(Lane::Work) => Destination::Work,
            Self::Ready(Lane::Bulk) => Destination::Bulk,
            Self::Later { .. } => Destination::Retry,
            Self::Dead => Destination::Dead,
        }
    }
}

/// A message and where it is to go.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Where to.
    pub route: Route,
    /// What.
    pub message: Message,
}

/// Why a batch is not known to be durable. Some of its messages may be: whoever publishes again
/// makes duplicates, which identities tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no connection now.
    #[error("the broker is not connected")]
    Unavailable,
    /// The broker takes nothing now (a memory or disk alarm).
    #[error("the broker is blocking publishers")]
    Blocked,
    /// The broker said no (a full queue).
    #[error("the broker refused a message")]
    Refused,
    /// No confirm came in time.
    #[error("the broker did not confirm in time")]
    TimedOut,
    /// The connection or channel ended before the confirm.
    #[error("the connection to the broker was lost before the confirm")]
    Lost,
}

impl PublishError {
    /// The name in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Blocked => "blocked",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
        }
    }
}

/// A message taken from a queue, not settled yet. Dropped without a word, it goes back. Handlers
/// meet those of a [`Lane`]; dead letters come out of a [`DeadQueue`].
#[derive(Debug)]
pub struct Delivery<Source = Lane> {
    /// The message, or why it cannot be read as one of Hubline's.
    pub message: Result<Message, MalformedMessage>,
    /// Where it came from.
    pub lane: Source,
    /// What is left of its wait. If that is anything it is not to be worked on, but to be
    /// published as it is, to wait for so long, and acked.
    pub rest: Duration,
    /// Settles it.
    pub settlement: Settlement,
}

/// The state of a connection, for readiness and metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Not connected (yet, or any more), with the last reason.
    #[default]
    Connecting,
    /// Not connected, and why.
    Down(Arc<str>),
    /// Working.
    Up,
}

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connecting => f.write_str("connecting"),
            Self::Down(reason) => write!(f, "down: {reason}"),
            Self::Up => f.write_str("up"),
        }
    }
}
