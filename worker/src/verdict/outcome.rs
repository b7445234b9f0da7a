//! How a run ended, before anybody says what that means.

use std::time::Duration;

use crate::error::{Failure, HandlerError};

/// How a run of one target ended, or why there was none.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The handler said so.
    Succeeded,
    /// It had been done before.
    Duplicate,
    /// A later attempt is on its way.
    Stale,
    /// Another run holds the claim.
    Held,
    /// The portal takes up too many runs already: again after the wait.
    Limited(Duration),
    /// Shutdown came first.
    Interrupted,
    /// The handler failed, panicked or took too long.
    Failed(HandlerError),
    /// The claim shows so many runs whose workers died that it must be what kills them.
    Crashed,
    /// No handler of that name is registered here.
    TargetUnknown,
}

impl Outcome {
    /// Whether it only waits for room, which is neither a failure nor an end.
    pub(crate) fn is_put_off(&self) -> bool {
        match self {
            Self::Limited(_) | Self::Held => true,
            Self::Failed(error) => matches!(error.kind, Failure::Deferred { .. }),
            _ => false,
        }
    }

    /// The handler's failure, if it ended so.
    pub(crate) fn failure(&self) -> Option<&HandlerError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}
