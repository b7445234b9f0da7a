//! What is published, and why that may have failed.

use super::route::Route;
use crate::message::Message;

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
