//! Messages to the broker, which has them when this is over; and whether it should get more of them.

use std::time::Duration;

use shared::broker::{Publication, Publisher};
use tokio::time::Instant;

use crate::rejection::Rejection;

/// HubSpot takes no answer after 5 s, counted from its own start.
const ANSWER_WITHIN: Duration = Duration::from_millis(4700);

/// Where messages go.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// The process's; each of the server's threads publishes through its own ([`Publisher::here`]).
    pub(crate) publisher: Publisher,
    pub(crate) timeout: Duration,
    pub(crate) soft_limit: u64,
}

impl Outlet {
    /// Whether more events wait than the operator wants.
    pub(crate) fn is_full(&self) -> bool {
        let limit = self.soft_limit;
        limit > 0 && self.publisher.depth().is_some_and(|depth| depth > limit)
    }

    /// By when all must be confirmed of a delivery whose head came at `since`, if publishing starts at
    /// `started`: a body that took its time leaves less of it for the broker.
    pub(super) fn deadline(&self, started: Instant, since: Instant) -> Instant {
        (started + self.timeout).min(since + ANSWER_WITHIN)
    }
}

/// Publishes all of `batch`, and waits until all of it is confirmed.
pub(super) async fn publish(
    publisher: &Publisher,
    batch: Vec<Publication>,
    deadline: Instant,
) -> Result<(), Rejection> {
    publisher.publish(batch, deadline).await.map_err(Rejection::Broker)
}
