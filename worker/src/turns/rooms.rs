//! What one run has asked at limits: whether it is new there, has had its place or has begun, and how
//! many requests it made.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use shared::broker::Lane;
use shared::message::Waiting;
use tokio::sync::{OnceCell, SemaphorePermit};

use super::costs::Costs;
use super::passages::{Entered, Passages, Turned};
use super::seats::Seats;
use crate::ledger::Ledger;
use crate::limits::{Asker, Limit, Room, Standing};

/// A place that is nearer is waited for where the run is.
const NEAR: Duration = Duration::from_secs(2);
/// A wait that is longer than this takes a seat.
const MOMENT: Duration = Duration::from_millis(500);

/// A run's dealings with limits.
#[derive(Debug)]
pub(crate) struct Rooms {
    lane: Lane,
    target: String,
    /// From then on the rest of its time is for what it does.
    until: Instant,
    seats: Arc<Seats>,
    /// Where it has had its place.
    placed: BTreeSet<String>,
    asked: Mutex<HashMap<String, Arc<Asked>>>,
    costs: Arc<Costs>,
    passages: Passages,
    /// Whether it waits for anything beside limits and services.
    waits_elsewhere: AtomicBool,
}

#[derive(Debug, Default)]
struct Asked {
    /// Whoever asks first finds the place; what asks beside it waits for that.
    admitted: OnceCell<()>,
    requests: AtomicU32,
    /// How long the run has to wait here, if it does.
    lacks: OnceLock<NoRoom>,
    /// Whether it has asked for more than there was room for.
    wanted_more: AtomicBool,
}

/// No room before this wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom(pub(crate) Duration);

impl Rooms {
    /// Of a run of `target` for `origin` that may wait for so long in all.
    pub(crate) fn new(
        lane: Lane,
        target: &str,
        patience: Duration,
        waiting: Option<&Waiting>,
        costs: Arc<Costs>,
        seats: Arc<Seats>,
        origin: String,
    ) -> Self {
        let placed = waiting.map(|waiting| waiting.places.clone()).unwrap_or_default();
        let (target, until) = (target.to_owned(), Instant::now() + patience);
        let passages = Passages::new(origin, lane, until, waiting, Arc::clone(&seats));
        let (asked, waits_elsewhere) = (Mutex::default(), AtomicBool::new(false));
        Self { lane, target, until, seats, placed, asked, costs, passages, waits_elsewhere }
    }

    /// Lets a call through to the service that is called so, which takes `cap` at once where it says.
    pub(crate) async fn enter(
        &self,
        ledger: &Arc<Ledger>,
        key: impl fmt::Display,
        cap: Option<u32>,
    ) -> Result<Entered, Turned> {
        self.passages.enter(ledger, key, cap).await
    }

    /// Whether a call would be let through to the service that is called so, where others were turned away
    /// lately.
    pub(crate) async fn look(
        &self,
        ledger: &Ledger,
        key: impl fmt::Display,
        cap: Option<u32>,
    ) -> Result<(), Turned> {
        self.passages.look(ledger, key, cap).await
    }

    /// The service with this key is not to be called for now.
    pub(crate) fn turned(&self, key: &str, turned: Turned) {
        self.passages.turned(key, turned);
    }

    /// Room for one request. `usual` is how many such runs make, as long as nobody has seen any.
    pub(crate) async fn take(
        &self,
        ledger: &Ledger,
        limit: &Limit,
        usual: f64,
    ) -> Result<(), NoRoom> {
        let asked = self.asked(&limit.key);
        let taken = self.take_from(&asked, ledger, limit, usual).await;
        if let Err(no_room) = taken {
            self.seats.full.note(&limit.key);
            let _ = asked.lacks.set(no_room);
            asked.wanted_more.store(true, Ordering::Relaxed);
        }
        taken
    }

    async fn take_from(
        &self,
        asked: &Asked,
        ledger: &Ledger,
        limit: &Limit,
        usual: f64,
    ) -> Result<(), NoRoom> {
        let mut is_first = false;
        let admitted = asked.admitted.get_or_try_init(|| {
            is_first = true;
            async move {
                // What asks beside it takes no second place.
                if let Some(no_room) = asked.lacks.get() {
                    return Err(*no_room);
                }
                let standing = self.standing(limit, usual).await;
                let taken = self.wait(ledger, limit, standing).await;
                if let Err(no_room) = taken {
                    let _ = asked.lacks.set(no_room);
                }
                taken
            }
        });
        admitted.await?;
        if !is_first {
            self.wait(ledger, limit, Standing::UnderWay).await?;
        }
        asked.requests.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Whether runs found no room at `limit` lately.
    pub(crate) fn is_full_lately(&self, limit: &Limit) -> bool {
        self.seats.full.is_lately(&limit.key)
    }

    /// How a run that has not begun there stands to the line.
    async fn standing(&self, limit: &Limit, usual: f64) -> Standing {
        if self.placed.contains(&limit.key) {
            return Standing::Placed { requests: self.costs.usual(&self.target, limit, usual) };
        }
        let patience = self.until.saturating_duration_since(Instant::now());
        let requests = self.costs.settled(&self.target, limit, usual, patience).await;
        Standing::New { requests }
    }

    /// The run was sent away for `hold` by whoever has answered it, at a limit that is held by now: its place
    /// among those who come back, for how long it waits. So it is counted with those who wait, and not all
    /// of them come at one moment.
    pub(crate) async fn back_in_line(
        &self,
        ledger: &Ledger,
        limit: &Limit,
        hold: Duration,
    ) -> Duration {
        // What asks beside it takes no second place.
        if let Some(NoRoom(place)) = self.asked(&limit.key).lacks.get() {
            return hold.max(*place);
        }
        let mut wait = hold;
        if hold > NEAR {
            let requests = self.costs.usual(&self.target, limit, 1.0);
            let asker = self.asker(Standing::Placed { requests });
            if let Room::Place(place) | Room::Soon(place) = ledger.take(limit, asker).await {
                wait = wait.max(place);
            }
        }
        self.lacks(&limit.key, NoRoom(wait));
        wait
    }

    /// The run has to wait at the limit with this key.
    pub(crate) fn lacks(&self, key: &str, no_room: NoRoom) {
        let _ = self.asked(key).lacks.set(no_room);
    }

    fn asker(&self, standing: Standing) -> Asker<'_> {
        let (origin, waited) = (self.passages.origin(), self.passages.waited());
        Asker { origin, lane: self.lane, standing, waited }
    }

    /// The run has to wait for something beside limits and services: it comes back for that, whichever
    /// service is shut.
    pub(crate) fn wait_elsewhere(&self) {
        self.waits_elsewhere.store(true, Ordering::Relaxed);
    }

    /// A seat where it waits for so long, if its time allows that and one is free.
    pub(crate) fn seat(&self, wait: Duration) -> Option<SemaphorePermit<'_>> {
        let has_time = Instant::now() + wait <= self.until;
        has_time.then(|| self.seats.of(self.lane).try_acquire().ok()).flatten()
    }

    /// Where the run need not queue when it comes back: where it waits now, and where it had come to be
    /// before. Else it would lose each place while it waits for another. If it waits for nothing but
    /// services, those too.
    pub(crate) fn places(&self, is_put_off: bool) -> Vec<String> {
        let asked = self.lock();
        let been = asked
            .iter()
            .filter(|(_, asked)| asked.admitted.initialized() || asked.lacks.get().is_some());
        let mut places: Vec<String> = been.map(|(key, _)| key.clone()).collect();
        places.extend(self.passages.places());
        let waits_elsewhere = self.waits_elsewhere.load(Ordering::Relaxed)
            || asked.values().any(|asked| asked.lacks.get().is_some());
        if is_put_off && !waits_elsewhere {
            places.extend(self.passages.shut());
        }
        places
    }

    /// Remembers how many requests such a run makes, wherever it has made all of them, and how many it has made
    /// in vain.
    pub(crate) fn learn(&self) {
        for (key, asked) in &*self.lock() {
            let requests = asked.requests.load(Ordering::Relaxed);
            if requests > 0 && asked.wanted_more.load(Ordering::Relaxed) {
                self.costs.in_vain(&self.target, key, requests);
            } else if asked.lacks.get().is_none() {
                self.costs.learn(&self.target, key, requests);
            }
        }
    }

    fn asked(&self, key: &str) -> Arc<Asked> {
        Arc::clone(self.lock().entry(key.to_owned()).or_default())
    }

    async fn wait(
        &self,
        ledger: &Ledger,
        limit: &Limit,
        mut standing: Standing,
    ) -> Result<(), NoRoom> {
        let mut seat = None;
        loop {
            let wait = match ledger.take(limit, self.asker(standing)).await {
                Room::Granted => return Ok(()),
                Room::Place(wait) if wait > NEAR => return Err(NoRoom(wait)),
                Room::Place(wait) | Room::Soon(wait) => wait,
            };
            if Instant::now() + wait > self.until {
                return Err(NoRoom(wait));
            }
            if seat.is_none() && wait > MOMENT {
                let free = self.seats.of(self.lane).try_acquire();
                seat = Some(free.map_err(|_| NoRoom(wait))?);
            }
            tokio::time::sleep(wait).await;
            if let Standing::New { requests } = standing {
                standing = Standing::Placed { requests };
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Asked>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
