//! A run: one attempt of one target at one event, and what it may do.
//!
//! Owns what a run is (identity, origin, attempt, …), its steps, the facts that it claims, its dealings
//! with limits, and its time. Refuses to know whom it calls and where records are kept: clients are given
//! a run, and a run knows no client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use shared::broker::Lane;
use shared::event::Identity;
use shared::origin::Origin;

use crate::ledger::{Lease, Ledger};
use crate::turns::Rooms;

mod booking;
mod in_line;
mod limits;
mod once;
mod order;
mod steps;
mod time;

pub(crate) use in_line::InLine;
pub(crate) use limits::LONGEST_HOLD;
pub use once::Claimed;
pub use steps::MAX_STEP_BYTES;
pub(crate) use time::{Elsewhere, Time};

/// One run of one target for one event.
#[derive(Clone)]
pub struct Run {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) lease: Arc<Lease>,
    pub(crate) identity: Identity,
    pub(crate) origin: Origin,
    /// The name of the handler.
    pub(crate) target: Arc<str>,
    pub(crate) lane: Lane,
    pub(crate) attempt: u32,
    pub(crate) generation: u32,
    /// What it has asked at limits.
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) time: Arc<Time>,
    /// Its place in the line of its record, where there is one.
    pub(crate) in_line: Arc<InLine>,
    /// How long it may wait yet, in all: who waits for longer is given up.
    pub(crate) wait_left: Duration,
    /// Since the receiver took the event in.
    pub(crate) age: Duration,
    /// Since what the event tells of happened.
    pub(crate) since_change: Duration,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("origin", &self.origin)
            .field("target", &self.target)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl Run {
    /// What names the event: the same in every attempt and for every handler.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Who sent the event, and whose account there it is about.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The HubSpot account that the event is about; 0 if it is about none.
    pub(crate) fn portal_id(&self) -> u64 {
        self.origin.portal_id().unwrap_or_default()
    }

    /// Whether it comes of a replay or of a retry in bulk, before which live events go.
    pub fn is_bulk(&self) -> bool {
        self.lane == Lane::Bulk
    }

    /// Attempts spent before this one.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Raised by each forced replay: what was done in an earlier one is done again.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// How long ago the receiver took the event in.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// How long ago it happened, by the event's `occurredAt`; if it has none, how long ago the
    /// receiver took it in. HubSpot tries for a day to deliver an event: it can be old when it comes.
    pub fn since_change(&self) -> Duration {
        self.since_change
    }

    /// How long the run may go on yet; zero once its time is up or its worker stops. No step begins then,
    /// and what is not within one is cut off.
    pub fn time_left(&self) -> Duration {
        self.time.left()
    }

    /// Does `work`, and is not cut off in the middle of it: when the run's time is up, its worker stops or
    /// its claim is lost, it is waited for as long as one request may take (`API_TIMEOUT`; less where a
    /// worker stops). If that is so already, it is not begun. [`Self::step`] and [`Self::once`] are done so.
    pub async fn see_through<T>(&self, work: impl Future<Output = T>) -> T {
        self.time.see_through(work).await
    }

    /// A number that grows with every run of this event and handler: whoever is shown a smaller
    /// one than before is talking to a run that was taken over.
    pub fn fence(&self) -> u64 {
        self.lease.fence
    }
}
