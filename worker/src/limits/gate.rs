//! The way to one service: its cap and its breaker, and the one line of those who wait for either. A pure
//! state; the script on Redis says the same.

use shared::broker::Lane;

use super::breaker::{Breaker, Ended, State};
use super::cap::{Asked, Cap};
use super::seen::{self, Sight};
use super::waits::Waits;

/// Nobody but the one who is to probe comes sooner after it, in ms: so the others find it decided.
pub(crate) const PROBE_MS: i64 = 2_000;
/// Of what somebody has waited already he waits at least such a part more: so a long outage is not asked
/// about again and again by everybody.
pub(crate) const MORE: i64 = 8;

/// The answer to who wants to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Call; the slot is given back by this number.
    Open {
        /// The end of its lease.
        slot_ms: i64,
        /// Whether the call decides about all others.
        is_probe: bool,
    },
    /// As many calls as there may be are under way: come back after this many ms.
    Full(i64),
    /// The service is down: come back after this many ms.
    Shut(i64),
}

/// All times in ms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Gate {
    cap: Cap,
    breaker: Breaker,
    waits: Waits,
    /// As whoever called at last had it.
    size: u32,
}

impl Gate {
    /// Lets a call through, or tells when to come back. Who only asks does not know how many there may be: that
    /// is a tenant's or a destination's own.
    pub(super) fn enter(&mut self, asked: &Asked<'_>, now_ms: i64) -> Passage {
        let mut asked = *asked;
        if !asked.is_asking {
            self.size = asked.cap;
        } else if self.size > 0 {
            asked.cap = self.size;
        }
        let asked = &asked;
        if let Some(wait_ms) = self.shut(asked, now_ms) {
            return Passage::Shut(wait_ms);
        }
        if self.breaker.state(asked.lease_ms, now_ms) == State::HalfOpen {
            let slot_ms = self.take(asked, now_ms);
            if !asked.is_asking {
                self.breaker.probe(slot_ms);
            }
            return Passage::Open { slot_ms, is_probe: true };
        }
        match self.cap.full(asked, now_ms) {
            None => Passage::Open { slot_ms: self.take(asked, now_ms), is_probe: false },
            Some(wait_ms) => Passage::Full(self.wait(asked, now_ms + wait_ms, 0, now_ms)),
        }
    }

    /// For how long whoever asks is to stay away, by the breaker alone; `None` if it is closed, or the next
    /// call probes.
    pub(super) fn shut(&mut self, asked: &Asked<'_>, now_ms: i64) -> Option<i64> {
        match self.breaker.state(asked.lease_ms, now_ms) {
            State::Closed | State::HalfOpen => None,
            State::Open { until_ms } if self.breaker.appoint() => {
                self.waits.add(until_ms, asked.lane, now_ms - asked.waited_ms, now_ms);
                Some(until_ms - now_ms)
            }
            State::Open { until_ms } => Some(self.wait_on(asked, until_ms + PROBE_MS, now_ms)),
            State::Probed { since_ms } => {
                let begin_ms = now_ms + PROBE_MS.max(now_ms - since_ms);
                Some(self.wait_on(asked, begin_ms, now_ms))
            }
        }
    }

    /// A call has ended. Tells for how long to wait, if that was a probe that failed: behind whoever comes
    /// for the next one, but no longer than that, so that there is a next one where nobody else comes.
    pub(super) fn leave(
        &mut self,
        slot_ms: i64,
        ended: Ended,
        asked: &Asked<'_>,
        now_ms: i64,
    ) -> Option<i64> {
        self.size = asked.cap;
        let is_done = ended == Ended::Passed;
        self.cap.give_back(slot_ms, asked.lease_ms, is_done, now_ms);
        self.judge(slot_ms, ended, asked, now_ms)
    }

    /// The same for the breaker alone.
    pub(super) fn judge(
        &mut self,
        slot_ms: i64,
        ended: Ended,
        asked: &Asked<'_>,
        now_ms: i64,
    ) -> Option<i64> {
        let open_ms = self.breaker.ended(asked.worker, slot_ms, ended, asked.cap, now_ms)?;
        Some(self.wait(asked, now_ms + open_ms + PROBE_MS, 0, now_ms))
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    pub(super) fn breaker_mut(&mut self) -> &mut Breaker {
        &mut self.breaker
    }

    /// As people see it.
    pub(super) fn sight(&self, now_ms: i64) -> Sight {
        let count = |lane| i64::try_from(self.waits.count(lane, now_ms)).unwrap_or(i64::MAX);
        let (held_ms, breaker) = match self.breaker.state(0, now_ms) {
            State::Closed => (0, seen::CLOSED),
            State::Open { until_ms } => (until_ms - now_ms, seen::OPEN),
            State::HalfOpen | State::Probed { .. } => (0, seen::HALF_OPEN),
        };
        [
            self.cap.used_at(now_ms),
            self.size.into(),
            0,
            count(Lane::Work),
            count(Lane::Bulk),
            self.waits.oldest_ms(now_ms),
            (self.cap.end_ms() - now_ms).max(0),
            held_ms,
            breaker,
        ]
    }

    /// Until when anything of it matters.
    pub(super) fn end_ms(&self) -> i64 {
        let waited_for_ms = self.cap.end_ms().max(self.waits.end_ms());
        waited_for_ms.max(self.cap.last_ms()).max(self.breaker.end_ms())
    }

    fn take(&mut self, asked: &Asked<'_>, now_ms: i64) -> i64 {
        if asked.is_asking { 0 } else { self.cap.take(asked, now_ms) }
    }

    fn wait_on(&mut self, asked: &Asked<'_>, begin_ms: i64, now_ms: i64) -> i64 {
        self.wait(asked, begin_ms, asked.waited_ms / MORE, now_ms)
    }

    fn wait(&mut self, asked: &Asked<'_>, begin_ms: i64, at_least_ms: i64, now_ms: i64) -> i64 {
        let place_ms = self.cap.place(asked, begin_ms, now_ms).max(now_ms + at_least_ms);
        self.waits.add(place_ms, asked.lane, now_ms - asked.waited_ms, now_ms);
        place_ms - now_ms
    }
}

#[cfg(test)]
mod explorer;
#[cfg(test)]
mod tests;
