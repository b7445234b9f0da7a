//! A run's calls of services: each is let through at the service's gate, and says how it ended.
//!
//! Owns what a run does that is not let through: it waits where it is for a moment at the most, and else
//! comes back with a place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shared::broker::Lane;
use shared::message::{SHUT, Waiting};
use tokio::runtime::Handle;

use super::seats::Seats;
use crate::ledger::Ledger;
use crate::limits::{Caller, Ended, Passage, Way};

/// For so long a call that has ended waits for the ledger to know.
const TELLING: Duration = Duration::from_secs(1);

/// Whoever may call after this wait waits where it is, if there is a seat.
const MOMENT: Duration = Duration::from_millis(500);
/// Begins the place at a gate, beside those at limits.
const GATE: char = '@';

/// Why a call is not made now, and when the run is to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// As many are under way as there may be.
    Full(Duration),
    /// The service is down.
    Shut(Duration),
}

impl Turned {
    pub(crate) fn wait(self) -> Duration {
        match self {
            Self::Full(wait) | Self::Shut(wait) => wait,
        }
    }
}

/// One run's calls.
#[derive(Debug)]
pub(super) struct Passages {
    origin: String,
    lane: Lane,
    waited: Duration,
    until: Instant,
    seats: Arc<Seats>,
    placed: BTreeSet<String>,
    /// Where it has looked, and is to come soon.
    looked: Mutex<BTreeSet<String>>,
    /// The gates that it has come to, and where it was turned away.
    seen: Mutex<BTreeMap<String, Option<Turned>>>,
}

impl Passages {
    pub(super) fn new(
        origin: String,
        lane: Lane,
        until: Instant,
        waiting: Option<&Waiting>,
        seats: Arc<Seats>,
    ) -> Self {
        let placed = waiting.map(|waiting| waiting.places.clone()).unwrap_or_default();
        let waited = waiting.map_or(Duration::ZERO, Waiting::all);
        let (looked, seen) = (Mutex::default(), Mutex::default());
        Self { origin, lane, waited, until, seats, placed, looked, seen }
    }

    /// Whose run it is.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// For how long the run has waited, for whatever.
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }

    /// Lets a call through to the service that is called so.
    pub(super) async fn enter(
        &self,
        ledger: &Arc<Ledger>,
        key: impl fmt::Display,
        cap: Option<u32>,
    ) -> Result<Entered, Turned> {
        let way = self.seats.way(key, cap);
        // What asks beside it takes no second place.
        if let Some(Some(turned)) = self.lock().get(&way.key) {
            return Err(*turned);
        }
        let is_placed = self.is_placed(&way.key);
        let mut caller = Caller { is_placed, ..self.caller() };
        let mut seat = None;
        let turned = loop {
            let turned = match ledger.enter(&way, caller, false).await {
                Passage::Open { slot_ms, .. } => {
                    self.lock().entry(way.key.clone()).or_default();
                    let (ledger, origin) = (Arc::clone(ledger), self.origin.clone());
                    let (lane, waited) = (self.lane, self.waited);
                    return Ok(Entered {
                        ledger,
                        way,
                        origin,
                        lane,
                        waited,
                        slot_ms,
                        untold: Some(Ended::CutOff),
                    });
                }
                Passage::Full(ms) => Turned::Full(millis(ms)),
                Passage::Shut(ms) => break Turned::Shut(millis(ms)),
            };
            if turned.wait() > MOMENT || Instant::now() + turned.wait() > self.until {
                break turned;
            }
            if seat.is_none() {
                let Ok(free) = self.seats.of(self.lane).try_acquire() else { break turned };
                seat = Some(free);
            }
            tokio::time::sleep(turned.wait()).await;
            caller.is_placed = true;
        };
        self.turned(&way.key, turned);
        Err(turned)
    }

    /// Whether there is a way through, where runs were turned away lately: asked before anything is spent for
    /// a call that cannot be made. Elsewhere nothing is asked.
    pub(super) async fn look(
        &self,
        ledger: &Ledger,
        key: impl fmt::Display,
        cap: Option<u32>,
    ) -> Result<(), Turned> {
        let way = self.seats.way(key, cap);
        if !self.seats.trouble.is_lately(&way.key) {
            return Ok(());
        }
        let caller = Caller { is_placed: self.is_placed(&way.key), ..self.caller() };
        let turned = match ledger.enter(&way, caller, true).await {
            Passage::Open { .. } => return Ok(()),
            Passage::Full(ms) => Turned::Full(millis(ms)),
            Passage::Shut(ms) => Turned::Shut(millis(ms)),
        };
        // A place that is so near is waited for at the gate.
        if matches!(turned, Turned::Full(wait) if wait <= MOMENT) {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            looked.insert(way.key);
            return Ok(());
        }
        self.turned(&way.key, turned);
        Err(turned)
    }

    fn is_placed(&self, key: &str) -> bool {
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.contains(key) || self.placed.contains(&format!("{GATE}{key}"))
    }

    fn caller(&self) -> Caller<'_> {
        let Self { origin, lane, waited, .. } = self;
        Caller { origin, lane: *lane, is_placed: true, waited: *waited }
    }

    /// The run was turned away there.
    pub(super) fn turned(&self, key: &str, turned: Turned) {
        self.seats.trouble.note(key);
        self.lock().insert(key.to_owned(), Some(turned));
    }

    /// Where the run need not queue when it comes back.
    pub(super) fn places(&self) -> Vec<String> {
        self.lock().keys().map(|key| format!("{GATE}{key}")).collect()
    }

    /// The gates at which it was turned away.
    pub(super) fn shut(&self) -> Vec<String> {
        let seen = self.lock();
        let turned = seen.iter().filter(|(_, turned)| turned.is_some());
        turned.map(|(key, _)| format!("{SHUT}{key}")).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Option<Turned>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long a run is to wait on that waits for nothing but services, and would be let through at
/// none of them: told before it is claimed and asks others for what it would have to ask again.
pub(crate) async fn still_shut(
    ledger: &Ledger,
    seats: &Seats,
    origin: &str,
    lane: Lane,
    waiting: &Waiting,
) -> Option<(Duration, String)> {
    let waited = waiting.all();
    let caller = Caller { origin, lane, is_placed: true, waited };
    let mut soonest: Option<(Duration, String)> = None;
    for key in waiting.shut() {
        let wait = match ledger.enter(&seats.way(key, None), caller, true).await {
            Passage::Open { .. } => return None,
            Passage::Full(ms) | Passage::Shut(ms) => millis(ms),
        };
        seats.trouble.note(key);
        if soonest.as_ref().is_none_or(|(least, _)| wait < *least) {
            soonest = Some((wait, key.to_owned()));
        }
    }
    soonest
}

/// A call that was let through. Dropped before it has ended, it was cut off.
#[derive(Debug)]
pub(crate) struct Entered {
    ledger: Arc<Ledger>,
    way: Way,
    origin: String,
    lane: Lane,
    waited: Duration,
    slot_ms: i64,
    /// What is still to be told.
    untold: Option<Ended>,
}

impl Entered {
    /// Gives the slot back. For how long nobody calls now, if this one has probed in vain.
    ///
    /// While the ledger is away that is told later: an answer that has come must not wait for it, since
    /// what it has done would be done again by the next attempt.
    pub(crate) async fn ended(mut self, ended: Ended) -> Option<Turned> {
        self.untold = Some(ended);
        let left = tokio::time::timeout(TELLING, self.leave(ended)).await.ok()?;
        self.untold = None;
        left
    }

    async fn leave(&self, ended: Ended) -> Option<Turned> {
        let Self { ledger, way, origin, lane, waited, slot_ms, .. } = self;
        let caller = Caller { origin, lane: *lane, is_placed: true, waited: *waited };
        let left = ledger.leave(way, caller, *slot_ms, ended).await;
        left.map(|ms| Turned::Shut(millis(ms)))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let (Some(ended), Ok(runtime)) = (self.untold, Handle::try_current()) {
            let (ledger, way, origin) =
                (Arc::clone(&self.ledger), self.way.clone(), self.origin.clone());
            let (lane, waited, slot_ms) = (self.lane, self.waited, self.slot_ms);
            let entered = Self { ledger, way, origin, lane, waited, slot_ms, untold: None };
            runtime.spawn(async move { entered.leave(ended).await });
        }
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}
