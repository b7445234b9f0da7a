//! Work that two different events ask for, done once between them.
//!
//! Owns the claim of a business fact. [`Run::step`] remembers within one event; where the
//! other side takes an idempotency key, that is better than either.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::event::Identity;
use tokio::runtime::Handle;

use super::Run;
use super::booking::Booking;
use crate::error::{Failure, HandlerError};
use crate::ledger::{Claim, EntryKey, Release};
use crate::turns::NoRoom;

/// Another event at work may be done in a moment, whatever its lease: it is looked again after that.
const LOOK: Duration = Duration::from_secs(2);

/// Whose entries facts have in the ledger, beside those of handlers.
const TARGET: &str = "once";

impl Run {
    /// Runs `work` unless it was done for the same `fact`, by whichever event and handler, within
    /// the ledger's memory. A fact is a text that names what happened and to what, the portal
    /// included: `deal-won/62515/7/1790000000000`. It is kept as a hash.
    ///
    /// While another run is at it this one is put off, which spends no attempt. If `work` fails the
    /// fact is free again. If `work` has to wait in line the place is the fact's: its other events wait
    /// for the same one. As with a step, a crash can make it run twice.
    pub async fn once<F>(&self, fact: &str, work: F) -> Result<(), HandlerError>
    where
        F: Future<Output = Result<(), HandlerError>>,
    {
        // Boxed, as in a step.
        let work = Box::pin(work);
        let doing = async {
            let Some(claimed) = self.claim(fact).await? else { return Ok(()) };
            if let Some(error) = claimed.in_line() {
                claimed.release().await;
                return Err(error);
            }
            if self.time_left().is_zero() {
                claimed.release().await;
                return Err(HandlerError::deferred(Duration::ZERO, "TIME_UP", "not begun"));
            }
            let result = work.await;
            // Whoever took the claim over meanwhile decides; the work's own result stands.
            match &result {
                Ok(()) => claimed.complete().await,
                Err(error) => {
                    claimed.book(error);
                    claimed.release().await;
                }
            }
            result
        };
        self.see_through(doing).await
    }

    /// Claims `fact`, named as for [`Self::once`]; `None` if it is done. While another run has it this one
    /// is to end with the error that is given, and comes back.
    ///
    /// The claim ends by [`Claimed::complete`] or [`Claimed::release`], and is released when it is
    /// dropped. It holds for longer than a run may go on.
    pub async fn claim(&self, fact: &str) -> Result<Option<Claimed>, HandlerError> {
        self.claim_in(fact, self.generation).await
    }

    /// Runs `work` with a run whose steps are the fact's: every event of it finds them, and a
    /// replay too. The fact itself is never done: what is done in it are steps.
    pub(crate) async fn within<T, F>(
        &self,
        fact: &str,
        work: impl FnOnce(Self) -> F,
    ) -> Result<T, HandlerError>
    where
        F: Future<Output = Result<T, HandlerError>>,
    {
        let Some(claimed) = self.claim_in(fact, 0).await? else {
            let message = "the ledger has it done, which it never is";
            return Err(HandlerError::transient("FACT_DONE", message));
        };
        let result = work(claimed.run.clone()).await;
        claimed.release().await;
        result
    }

    /// Its lease outlasts the handler's time, so it needs no extending.
    async fn claim_in(&self, fact: &str, generation: u32) -> Result<Option<Claimed>, HandlerError> {
        // Only a hash is needed, and this kind is no event's.
        let identity = Identity::of_unreadable(fact.as_bytes());
        let entry = EntryKey { identity: &identity, target: TARGET, generation };
        let wait = match self.ledger.claim(&entry, 0).await {
            Claim::Started(lease) => {
                let run = Self { lease: Arc::new(lease), ..self.clone() };
                let since = Instant::now();
                return Ok(Some(Claimed { run, since, is_held: true, is_done: false }));
            }
            Claim::Completed | Claim::Stale => return Ok(None),
            Claim::Held(wait) => wait.min(LOOK),
            // Not told of a claim that takes the fact whatever is held against it.
            Claim::Apart(_) => Duration::ZERO,
        };
        self.rooms.wait_elsewhere();
        let message = "another event of the same fact is at work";
        Err(HandlerError::deferred(wait, "FACT_HELD", message))
    }
}

/// A fact that is claimed.
pub struct Claimed {
    run: Run,
    since: Instant,
    is_held: bool,
    /// Whether it is to be completed: also if whoever waits for that is cut off.
    is_done: bool,
}

impl Claimed {
    /// The run again, but its steps are the fact's.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The fact is done, for good: its steps are forgotten.
    pub async fn complete(mut self) {
        self.is_done = true;
        self.run.ledger.complete(&self.run.lease).await;
        self.is_held = false;
    }

    /// The fact is free again, its steps kept.
    pub async fn release(mut self) {
        self.run.ledger.release(&self.run.lease, Release::Same).await;
        self.is_held = false;
    }

    /// The error with which the run waits, if another event of the fact has a place in line. It waits for
    /// the same place, and need not queue when it comes back. If that is longer than it may wait it asks for
    /// itself.
    fn in_line(&self) -> Option<HandlerError> {
        let Run { lease, rooms, wait_left, .. } = &self.run;
        let booking = Booking::of(lease)?;
        let wait = booking.keeps_waiting(&self.event(), self.run.is_bulk(), lease.fence)?;
        if wait > *wait_left {
            return None;
        }
        for place in &booking.places {
            rooms.lacks(place, NoRoom(wait));
        }
        let message = "another event of the same fact has its place in line";
        Some(HandlerError::deferred(wait, "FACT_IN_LINE", message).in_line_at(booking.places))
    }

    /// Notes the place in line for which the run waits, if it ends in `error` for that: it is written with
    /// the release.
    fn book(&self, error: &HandlerError) {
        let (Failure::Deferred { wait }, false) = (error.kind, error.places.is_empty()) else {
            return;
        };
        // Given up now, it does not come back for it.
        if wait > self.run.wait_left {
            return;
        }
        // A fence is the time of its claim, by the ledger's clock: no other one is asked.
        let passed_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now_ms = self.run.lease.fence.saturating_add(passed_ms);
        let (event, is_bulk) = (self.event(), self.run.is_bulk());
        // Whoever could not wait for another's place leaves it to the others.
        let others = Booking::of(&self.run.lease);
        if others.is_some_and(|it| it.keeps_waiting(&event, is_bulk, now_ms).is_some()) {
            return;
        }
        let places = error.places.clone();
        Booking::new(event, is_bulk, places, wait, now_ms).keep(&self.run.lease);
    }

    /// The event and the handler, whatever the attempt.
    fn event(&self) -> String {
        format!("{}/{}", self.run.identity, self.run.target)
    }
}

impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claimed").field("lease", &self.run.lease).finish_non_exhaustive()
    }
}

/// A handler that is cut off drops its work. Others need not wait for the lease's end then.
impl Drop for Claimed {
    fn drop(&mut self) {
        if let (true, Ok(runtime)) = (self.is_held, Handle::try_current()) {
            let (run, is_done) = (self.run.clone(), self.is_done);
            runtime.spawn(async move {
                if is_done {
                    run.ledger.complete(&run.lease).await;
                } else {
                    run.ledger.release(&run.lease, Release::Same).await;
                }
            });
        }
    }
}

#[cfg(test)]
mod tests;
