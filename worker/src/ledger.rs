//! The ledger: who is working on what, what is done, and which steps of it.
//!
//! Every event and target has one entry. A claim puts it under a lease; every later write
//! carries the lease's token and is refused once somebody else holds it. While the ledger's
//! server is away calls wait: an event is never processed unclaimed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shared::event::Identity;

mod redis;

pub use redis::{Ledger, LedgerOptions};
pub(crate) use redis::{address as redis_address, check_url as check_redis_url};

/// Names an entry: one event, one target, one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryKey<'a> {
    /// The event.
    pub identity: &'a Identity,
    /// The handler or route.
    pub target: &'a str,
    /// Raised by forced replays.
    pub generation: u32,
}

/// The answer to a claim. The caller must face all four.
#[derive(Debug)]
pub enum Claim {
    /// The run is the caller's until the lease ends.
    Started(Lease),
    /// Another run holds it for this long yet.
    Held(Duration),
    /// It has been done.
    Completed,
    /// A later attempt of it is already on its way.
    Stale,
}

/// The right to run one event for one target, for a while.
pub struct Lease {
    pub(crate) key: String,
    pub(crate) token: String,
    /// Grows with every run of the entry.
    pub fence: u64,
    /// Runs before this one that were claimed and never ended: their workers died.
    pub abandoned: u32,
    steps: Mutex<HashMap<String, String>>,
}

impl Lease {
    pub(crate) fn new(
        key: String,
        token: String,
        fence: u64,
        abandoned: u32,
        steps: HashMap<String, String>,
    ) -> Self {
        Self { key, token, fence, abandoned, steps: Mutex::new(steps) }
    }

    /// The remembered result of a step, as JSON.
    pub fn step(&self, name: &str) -> Option<String> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Whether any step is remembered.
    pub(crate) fn has_steps(&self) -> bool {
        !self.steps.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn remembered(&self, name: &str, json: String) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), json);
    }
}

/// The token is a capability: whoever has it can write under the lease.
impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("fence", &self.fence)
            .field("abandoned", &self.abandoned)
            .finish_non_exhaustive()
    }
}

/// What a release says of the entry's future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The run did not come to an end (no room, shutdown): the same attempt is still to come.
    Same,
    /// The run failed; this attempt's message is confirmed and older ones are void.
    Next(u32),
}

/// Whether a request fits into a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Go ahead; it is counted.
    Granted,
    /// Spent: room again after this wait.
    Spent(Duration),
}
