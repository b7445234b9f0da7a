//! What comes out of a queue: an event out of a lane, a dead letter out of the queues of those.

use std::time::Duration;

use super::lane::Lane;
use super::malformed::MalformedMessage;
use super::settlement::Settlement;
use crate::message::Message;

/// The queues of what no handler will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeadQueue {
    /// Given up.
    Dead,
    /// No queue had its routing key. A data file has no such queue: there is no routing.
    Unrouted,
}

impl DeadQueue {
    /// The name in records, metrics and filters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Unrouted => "unrouted",
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
