//! The ledger: who is working on what, what is done, and which steps of it.
//!
//! Every event and target has one entry. A claim puts it under a lease; every later write
//! carries the lease's token and is refused once somebody else holds it. While the ledger's
//! server is away, or its file takes no writes, calls wait: an event is never processed
//! unclaimed. An entry that the server has lost is written anew by its owner.

use std::sync::Arc;
use std::time::Duration;

use shared::store::Store;

use crate::limits::{Asker, Caller, Ended, Limit, Passage, Room, Seen, Way};
use crate::metrics::{Forgotten, OrderTurn, WorkerMetrics};
use crate::order::{Comer, Terms, Turn, Word as OrderWord};
use crate::pauses::{PauseState, Word};

mod claim;
mod entry;
mod lease;
mod mark;
#[cfg(test)]
mod model;
mod redis;
mod shared_texts;
mod sqlite;
mod write;

pub use claim::{Claim, EntryKey, Release};
pub(crate) use entry::Entry;
pub use lease::Lease;
pub(crate) use mark::Mark;
pub use redis::LedgerOptions;
pub(crate) use redis::import::Importer;
pub(crate) use redis::{check_url as check_redis_url, server as redis_server};
pub(crate) use sqlite::export::{count as count_entries, entries};
use write::{Write, Written};

/// How often an owner puts back what one write found missing. More often it is lost again at once: then
/// the write is refused, and the event comes again.
const RESTORES: usize = 3;

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

    /// Claims an entry for a run of `attempt`, whatever is held against it.
    pub async fn claim(&self, entry: &EntryKey<'_>, attempt: u32) -> Claim {
        self.claim_unless(entry, attempt, &[]).await
    }

    /// The same, unless the run would begin with a number of abandoned ones that `apart` has: then it is
    /// [`Claim::Apart`], and nobody holds the entry. So whoever has to wait for its turn is not counted
    /// if its worker dies meanwhile.
    pub async fn claim_unless(
        &self,
        entry: &EntryKey<'_>,
        attempt: u32,
        apart: &'static [u32],
    ) -> Claim {
        match self {
            Self::Redis(ledger) => ledger.claim(entry, attempt, apart).await,
            Self::Sqlite(ledger) => ledger.claim(entry, attempt, apart).await,
        }
    }

    /// Prolongs a lease by its full length; false if somebody else holds the entry.
    pub async fn extend(&self, lease: &Lease) -> bool {
        self.write(lease, Write::Extend).await
    }

    /// Extends the lease until somebody else has it: from time to time, and at once when the server is
    /// back or was found to have forgotten, so that what it lost stands there again before others
    /// claim it.
    pub(crate) async fn until_lost(&self, lease: &Lease) {
        loop {
            let renewed = async {
                match self {
                    Self::Redis(ledger) => ledger.renewed().await,
                    Self::Sqlite(_) => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(self.lease() / 3) => {}
                () = renewed => {}
            }
            if !self.extend(lease).await {
                return;
            }
        }
    }

    /// Remembers a step's result; false if somebody else holds the entry. It is in the lease at once, and
    /// whoever stops waiting finds it written with what is written next, at the latest with the release.
    pub async fn remember(&self, lease: &Lease, step: &str, json: &str) -> bool {
        lease.keep(step, json);
        self.write(lease, Write::Remember).await
    }

    /// The same for what can be found out again. In a file it survives the end of the process, and a loss of
    /// power no later than what is written next.
    pub(crate) async fn note(&self, lease: &Lease, step: &str, json: &str) -> bool {
        lease.keep(step, json);
        self.write(lease, Write::Note).await
    }

    /// Marks the entry done, for good; false if somebody else holds it.
    pub async fn complete(&self, lease: &Lease) -> bool {
        self.write(lease, Write::Complete).await
    }

    /// Gives the entry back, its steps kept; false if somebody else holds it.
    pub async fn release(&self, lease: &Lease, release: Release) -> bool {
        self.write(lease, Write::Release(release)).await
    }

    async fn write(&self, lease: &Lease, write: Write) -> bool {
        for _ in 0..=RESTORES {
            let steps = if write == Write::Extend { Vec::new() } else { lease.unsaved() };
            let written = match self {
                Self::Redis(ledger) => ledger.write(lease, write, &steps).await,
                Self::Sqlite(ledger) => ledger.write(lease, write, &steps).await,
            };
            match written {
                Written::Done => {
                    lease.saved(&steps);
                    return true;
                }
                Written::Refused => return false,
                Written::Missing => self.restore(lease).await,
            }
        }
        false
    }

    /// Puts back what the lease knows of its entry, unless somebody else has it by now.
    async fn restore(&self, lease: &Lease) {
        let (restored, metrics) = match self {
            Self::Redis(ledger) => (ledger.restore(lease).await, &ledger.metrics),
            Self::Sqlite(ledger) => (ledger.restore(lease).await, &ledger.metrics),
        };
        if restored {
            metrics.ledger_forgot(Forgotten::Entry);
            tracing::warn!(
                ledger.entry = lease.key,
                steps = lease.step_count(),
                "ledger has lost an entry: written anew by its owner"
            );
        }
    }

    /// Counts one request at `limit`, for all workers together, or tells how long to wait.
    pub async fn take(&self, limit: &Limit, asker: Asker<'_>) -> Room {
        let (room, metrics) = match self {
            Self::Redis(ledger) => (ledger.take(limit, asker).await, &ledger.metrics),
            Self::Sqlite(ledger) => (ledger.lines.take(limit, asker), &ledger.metrics),
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

    /// Says or asks something of the pause with this name, for all workers together.
    pub(crate) async fn pause(&self, name: &str, word: Word) -> PauseState {
        match self {
            Self::Redis(ledger) => ledger.pause(name, word).await,
            Self::Sqlite(ledger) => ledger.pauses.hear(name, word),
        }
    }

    /// Says something to the line of a record's events, for all workers together.
    pub(crate) async fn order(
        &self,
        record: &str,
        who: &Comer,
        terms: &Terms,
        word: OrderWord,
    ) -> Turn {
        let (turn, metrics) = match self {
            Self::Redis(ledger) => (ledger.order(record, who, terms, word).await, &ledger.metrics),
            Self::Sqlite(ledger) => (ledger.orders.hear(record, who, terms, word), &ledger.metrics),
        };
        match turn {
            Turn::Go => metrics.order_turn(OrderTurn::Go),
            Turn::Wait { .. } => metrics.order_turn(OrderTurn::Wait),
            Turn::Broken => metrics.order_turn(OrderTurn::Broken),
            Turn::Noted => {}
        }
        turn
    }

    /// Lets all workers know `text` by this name for so long; for no time: nobody knows it any more.
    pub(crate) async fn share(&self, name: &str, text: &str, lasts: Duration) {
        match self {
            Self::Redis(ledger) => ledger.share(name, text, lasts).await,
            Self::Sqlite(ledger) => ledger.shared.put(name, text, lasts),
        }
    }

    /// What they know by this name, if anything.
    pub(crate) async fn shared(&self, name: &str) -> Option<String> {
        match self {
            Self::Redis(ledger) => ledger.shared(name).await,
            Self::Sqlite(ledger) => ledger.shared.get(name),
        }
    }

    /// Lets a call of a service through, for all workers together, or tells when to come back. Whoever
    /// `is_asking` only is told the same, and takes no slot.
    pub async fn enter(&self, way: &Way, caller: Caller<'_>, is_asking: bool) -> Passage {
        match self {
            Self::Redis(ledger) => ledger.enter(way, caller, is_asking).await,
            Self::Sqlite(ledger) => ledger.lines.enter(way, caller, is_asking),
        }
    }

    /// A call that was let through has ended. Tells for how long nobody calls, in ms, if it was a probe
    /// that failed.
    pub async fn leave(
        &self,
        way: &Way,
        caller: Caller<'_>,
        slot_ms: i64,
        ended: Ended,
    ) -> Option<i64> {
        match self {
            Self::Redis(ledger) => ledger.leave(way, caller, slot_ms, ended).await,
            Self::Sqlite(ledger) => ledger.lines.leave(way, caller, slot_ms, ended),
        }
    }

    /// Every limit that somebody has asked at lately, in no order.
    pub async fn limits(&self) -> Vec<Seen> {
        match self {
            Self::Redis(ledger) => ledger.limits().await,
            Self::Sqlite(ledger) => ledger.lines.limits(),
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
