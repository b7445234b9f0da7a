//! The ledger: who is working on what, what is done, and which steps of it.
//!
//! Every event and target has one entry. A claim puts it under a lease; every later write
//! carries the lease's token and is refused once somebody else holds it. While the ledger's
//! server is away, or its file takes no writes, calls wait: an event is never processed
//! unclaimed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::broker::Lane;
use shared::event::Identity;
use shared::store::Store;

use crate::limits::{Limit, Room, Standing};
use crate::metrics::WorkerMetrics;

mod entry;
mod redis;
mod sqlite;

pub(crate) use entry::Entry;
pub use redis::LedgerOptions;
pub(crate) use redis::import::Importer;
pub(crate) use redis::{
    address as redis_address, check_url as check_redis_url, server as redis_server,
};
pub(crate) use sqlite::export::{count as count_entries, entries};

/// Where entries are kept: one variant per engine, the same meaning in each.
#[derive(Debug)]
pub enum Ledger {
    /// On Redis, for all workers of a cluster.
    Redis(redis::Ledger),
    /// In the data file of an embedded Hubline.
    Sqlite(sqlite::Ledger),
}

impl Ledger {
    /// The ledger on Redis. Starts connecting in the background.
    pub fn start(options: LedgerOptions, metrics: WorkerMetrics) -> anyhow::Result<Self> {
        Ok(Self::Redis(redis::Ledger::start(options, metrics)?))
    }

    /// The ledger in `store`. A claim holds for `lease` without being extended; an entry is kept
    /// for `retention` after its last change.
    pub fn embedded(
        store: Arc<Store>,
        lease: Duration,
        retention: Duration,
        metrics: WorkerMetrics,
    ) -> Self {
        Self::Sqlite(sqlite::Ledger::start(store, lease, retention, metrics))
    }

    /// What it is on, as readiness names it.
    pub fn server(&self) -> &'static str {
        match self {
            Self::Redis(_) => "redis",
            Self::Sqlite(_) => "data_file",
        }
    }

    /// How long a claim holds without being extended.
    pub fn lease(&self) -> Duration {
        match self {
            Self::Redis(ledger) => ledger.lease(),
            Self::Sqlite(ledger) => ledger.lease(),
        }
    }

    /// Whether calls are answered now, for readiness.
    pub fn is_up(&self) -> bool {
        match self {
            Self::Redis(ledger) => ledger.is_up(),
            Self::Sqlite(ledger) => ledger.is_up(),
        }
    }

    /// Claims an entry for a run of `attempt`.
    pub async fn claim(&self, entry: &EntryKey<'_>, attempt: u32) -> Claim {
        match self {
            Self::Redis(ledger) => ledger.claim(entry, attempt).await,
            Self::Sqlite(ledger) => ledger.claim(entry, attempt).await,
        }
    }

    /// Prolongs a lease by its full length; false if somebody else holds the entry.
    pub async fn extend(&self, lease: &Lease) -> bool {
        match self {
            Self::Redis(ledger) => ledger.extend(lease).await,
            Self::Sqlite(ledger) => ledger.extend(lease).await,
        }
    }

    /// Remembers a step's result; false if somebody else holds the entry.
    pub async fn remember(&self, lease: &Lease, step: &str, json: &str) -> bool {
        let remembered = match self {
            Self::Redis(ledger) => ledger.remember(lease, step, json).await,
            Self::Sqlite(ledger) => ledger.remember(lease, step, json).await,
        };
        if remembered {
            lease.remembered(step, json.to_owned());
        }
        remembered
    }

    /// Marks the entry done, for good; false if somebody else holds it.
    pub async fn complete(&self, lease: &Lease) -> bool {
        match self {
            Self::Redis(ledger) => ledger.complete(lease).await,
            Self::Sqlite(ledger) => ledger.complete(lease).await,
        }
    }

    /// Gives the entry back, its steps kept; false if somebody else holds it.
    pub async fn release(&self, lease: &Lease, release: Release) -> bool {
        match self {
            Self::Redis(ledger) => ledger.release(lease, release).await,
            Self::Sqlite(ledger) => ledger.release(lease, release).await,
        }
    }

    /// Counts one request at `limit`, for all workers together, or tells how long to wait.
    pub async fn take(&self, limit: &Limit, lane: Lane, standing: Standing) -> Room {
        let (room, metrics) = match self {
            Self::Redis(ledger) => (ledger.take(limit, lane, standing).await, &ledger.metrics),
            Self::Sqlite(ledger) => (ledger.lines.take(limit, lane, standing), &ledger.metrics),
        };
        metrics.room_asked(room == Room::Granted);
        room
    }

    /// Holds everybody back at `limit` for so long: the other side has asked for it.
    pub async fn hold(&self, limit: &Limit, wait: Duration) {
        match self {
            Self::Redis(ledger) => ledger.hold(limit, wait).await,
            Self::Sqlite(ledger) => ledger.lines.hold(limit, wait),
        }
    }

    /// Notes what is delayed, for all workers together, and gives the time of receipt of the oldest
    /// live event that is, ms since the Unix epoch.
    pub(crate) async fn oldest_delayed(&self, marks: &[Mark]) -> Option<i64> {
        match self {
            Self::Redis(ledger) => ledger.oldest_delayed(marks).await,
            Self::Sqlite(ledger) => ledger.oldest_delayed().await,
        }
    }
}

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

    /// The names of the steps that are remembered, in order.
    pub(crate) fn step_names(&self) -> Vec<String> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = steps.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Whether any step is remembered.
    pub(crate) fn has_steps(&self) -> bool {
        !self.steps.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn remembered(&self, name: &str, json: String) {
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

/// Stands for all live events that are delayed until about `due_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// When the last of them is worked on again, ms since the Unix epoch.
    pub(crate) due_ms: i64,
    /// When the oldest of them was received, ms since the Unix epoch.
    pub(crate) received_ms: i64,
}
