//! What HubSpot said of a portal, kept for a while: it changes rarely, and each question costs a request of
//! the portal's budget.
//!
//! Owns when it is asked again, that one asks at a time for each portal, and the bound on portals. What is old
//! serves while there is nothing newer to be had; where there is nothing at all, runs wait as for a record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Failure, HandlerError};

/// An answer is believed for so long.
const KEPT: Duration = Duration::from_hours(1);
/// Where there was no answer, or it lacks something, nobody asks again before this.
const AGAIN: Duration = Duration::from_mins(5);
/// For so long a run waits where it is while another one asks.
const MOMENT: Duration = Duration::from_secs(1);
/// And then so long in line.
const LATER: Duration = Duration::from_secs(2);
/// Portals that are remembered.
const MANY: usize = 1_000;

/// The code of a run that waits for another's question.
pub(super) const ASKED: &str = "HUBSPOT_ASKED";

/// What was said last, by portal.
#[derive(Debug)]
pub(super) struct Kept<T> {
    /// What it is, for people.
    what: &'static str,
    portals: Mutex<HashMap<u64, Arc<Portal<T>>>>,
}

#[derive(Debug)]
struct Portal<T> {
    state: Mutex<State<T>>,
    /// Held by who asks.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State<T> {
    told: Option<Told<T>>,
    /// When it was asked last for what it lacks.
    anew: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Told<T> {
    /// When it was asked.
    at: Instant,
    /// `None` if HubSpot has never said.
    value: Option<T>,
    /// Whether the question was answered; if not, the value is an older one.
    is_answer: bool,
}

impl<T> Told<T> {
    fn is_fresh(&self) -> bool {
        self.at.elapsed() < if self.is_answer { KEPT } else { AGAIN }
    }
}

impl<T: Clone> Kept<T> {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, portals: Mutex::default() }
    }

    /// What is known of the portal, or what `ask` says; `None` if HubSpot refuses to say.
    pub(super) async fn get(
        &self,
        portal_id: u64,
        ask: impl Future<Output = Result<T, HandlerError>>,
    ) -> Result<Option<T>, HandlerError> {
        self.asked(portal_id, None, ask).await
    }

    /// The same for who misses something in what was known at `seen`.
    pub(super) async fn anew(
        &self,
        portal_id: u64,
        seen: Instant,
        ask: impl Future<Output = Result<T, HandlerError>>,
    ) -> Result<Option<T>, HandlerError> {
        self.asked(portal_id, Some(seen), ask).await
    }

    async fn asked(
        &self,
        portal_id: u64,
        seen: Option<Instant>,
        ask: impl Future<Output = Result<T, HandlerError>>,
    ) -> Result<Option<T>, HandlerError> {
        let portal = self.portal(portal_id);
        if let Ok(told) = portal.enough(seen) {
            return Ok(told);
        }
        let _asking = if let Ok(asking) = portal.asking.try_lock() {
            asking
        } else {
            if let Some(old) = portal.value() {
                return Ok(Some(old));
            }
            let waiting = tokio::time::timeout(MOMENT, portal.asking.lock()).await;
            waiting.map_err(|_| {
                let message =
                    format_args!("another event asks HubSpot for the portal's {}", self.what);
                HandlerError::deferred(LATER, ASKED, message)
            })?
        };
        // What others were told meanwhile.
        if let Ok(told) = portal.enough(seen) {
            return Ok(told);
        }
        let at = Instant::now();
        if seen.is_some() {
            portal.state().anew = Some(at);
        }
        let error = match ask.await {
            Ok(value) => {
                let value = Some(value);
                portal.state().told = Some(Told { at, value: value.clone(), is_answer: true });
                return Ok(value);
            }
            Err(error) => error,
        };
        let value = portal.value();
        let may_pass = matches!(error.kind, Failure::Transient { .. } | Failure::Deferred { .. });
        if error.kind == Failure::LeaseLost || (may_pass && value.is_none()) {
            return Err(error);
        }
        tracing::warn!(
            portal.id = portal_id,
            what = self.what,
            error.code = %error.code,
            error.message = error.message,
            "hubspot does not say it of the portal: what is known, or holds for most, is used"
        );
        portal.state().told = Some(Told { at, value: value.clone(), is_answer: false });
        Ok(value)
    }

    fn portal(&self, portal_id: u64) -> Arc<Portal<T>> {
        let mut portals = self.portals.lock().unwrap_or_else(PoisonError::into_inner);
        if !portals.contains_key(&portal_id) && portals.len() >= MANY {
            // Nobody has it in hand, and it was asked for the longest ago.
            let idle = portals.iter().filter(|(_, portal)| Arc::strong_count(portal) == 1);
            let oldest =
                idle.min_by_key(|(_, portal)| portal.state().told.as_ref().map(|it| it.at));
            let oldest = oldest.map(|(id, _)| *id);
            oldest.map(|id| portals.remove(&id));
        }
        Arc::clone(portals.entry(portal_id).or_insert_with(|| {
            let state = Mutex::new(State { told: None, anew: None });
            Arc::new(Portal { state, asking: tokio::sync::Mutex::default() })
        }))
    }
}

/// What is known is too old, or too little.
struct ToBeAsked;

impl<T: Clone> Portal<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn value(&self) -> Option<T> {
        self.state().told.as_ref().and_then(|told| told.value.clone())
    }

    /// What is known, if it need not be asked for: of who missed something in it at `seen`, if it was asked
    /// since, or for what was missed not long ago.
    fn enough(&self, seen: Option<Instant>) -> Result<Option<T>, ToBeAsked> {
        let state = self.state();
        let told = state.told.as_ref().ok_or(ToBeAsked)?;
        let is_enough = match seen {
            None => told.is_fresh(),
            Some(seen) => {
                told.at >= seen || state.anew.is_some_and(|asked| asked.elapsed() < AGAIN)
            }
        };
        if is_enough { Ok(told.value.clone()) } else { Err(ToBeAsked) }
    }
}

#[cfg(test)]
mod tests;
