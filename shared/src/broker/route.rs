//! Where a message is to go. How it gets there is its engine's business.

use std::time::Duration;

use super::lane::Lane;
use crate::metrics::Destination;

/// Where a message is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To be worked on now.
    Ready(Lane),
    /// To be worked on after a wait of any length: not before it is over. In a data file it is
    /// then due. On RabbitMQ it comes back a tenth and one shortest delay later at the most, and
    /// may come by before that, with a rest (`Delivery::rest`).
    Later {
        /// The lane it comes back to.
        lane: Lane,
        /// How long it waits.
        wait: Duration,
    },
    /// To the dead letters.
    Dead,
}

impl Route {
    /// Whether what is published is carried on: the message that it follows stands in its queue until after
    /// that. So without it nothing is lost.
    pub(super) fn is_carried_on(self) -> bool {
        matches!(self, Self::Later { .. })
    }

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
