//! What one process finds out for itself alone: a service whose calls fail here, while other workers are
//! answered there, is shut for this process. Its own network may be what is broken.
//!
//! Owns no rule: it is the same breaker, fed with the process' own calls, beside the gate that all workers
//! share. Where that one is shut nothing is counted here, since all know of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::breaker::{Ended, State};
use super::cap::Asked;
use super::gate::{Gate, Passage};
use super::memory::{asked, millis};
use super::{BreakerState, Caller, Of, Seen, Way};

/// So many are kept before those are looked for that are over.
const MANY: usize = 1000;

/// What is known here of each service.
#[derive(Debug)]
pub(crate) struct Own {
    begun: Instant,
    gates: Mutex<HashMap<String, OwnGate>>,
}

impl Default for Own {
    fn default() -> Self {
        Self { begun: Instant::now(), gates: Mutex::default() }
    }
}

impl Own {
    /// Whether to ask at the gate that all share. Whoever is to probe tells [`Self::asked`] what came of it,
    /// by the slot that is given.
    pub(crate) fn enter(&self, way: &Way, caller: Caller<'_>, is_asking: bool) -> Passage {
        let (asked, now_ms) = (asked(way, caller, "", is_asking), self.now_ms());
        self.at(way, now_ms, |own| own.enter(&asked, now_ms))
    }

    /// What the gate that all share said to who was let through here with this slot.
    pub(crate) fn asked(&self, way: &Way, own_ms: i64, passage: Passage) {
        let now_ms = self.now_ms();
        self.at(way, now_ms, |own| own.asked(own_ms, passage, now_ms));
    }

    /// A call has ended, which the gate that all share calls by this slot; it is shut by now or not. Tells
    /// for how long to wait, in ms, if it has probed here in vain.
    pub(crate) fn leave(
        &self,
        way: &Way,
        caller: Caller<'_>,
        slot_ms: i64,
        ended: Ended,
        is_shut: bool,
    ) -> Option<i64> {
        let (asked, now_ms) = (asked(way, caller, "", false), self.now_ms());
        self.at(way, now_ms, |own| {
            let was_closed = own.is_closed(now_ms);
            let wait_ms = own.leave(slot_ms, ended, is_shut, &asked, now_ms);
            match (was_closed, own.is_closed(now_ms)) {
                (true, false) => tracing::warn!(
                    limit = way.key,
                    "calls fail here, and the other workers have not found the same: this one makes none for now"
                ),
                (false, true) => tracing::info!(limit = way.key, "this worker is answered again"),
                _ => {}
            }
            wait_ms
        })
    }

    /// A service as this process sees it.
    pub(crate) fn show(&self, seen: &mut Seen) {
        let (gates, now_ms) = (self.lock(), self.now_ms());
        let own = gates.get(&seen.limit).filter(|own| own.gate.end_ms() > now_ms);
        let Some(own) = own.filter(|_| seen.of == Of::Calls) else { return };
        match own.gate.breaker().state(0, now_ms) {
            State::Closed => {}
            State::Open { until_ms } => {
                let held_ms = u64::try_from(until_ms - now_ms).unwrap_or_default();
                seen.held_ms = seen.held_ms.max(held_ms);
                seen.breaker = Some(BreakerState::Open);
            }
            State::HalfOpen | State::Probed { .. } if seen.breaker == Some(BreakerState::Open) => {}
            State::HalfOpen | State::Probed { .. } => seen.breaker = Some(BreakerState::HalfOpen),
        }
    }

    fn at<T>(&self, way: &Way, now_ms: i64, work: impl FnOnce(&mut OwnGate) -> T) -> T {
        let mut gates = self.lock();
        if gates.len() >= MANY && !gates.contains_key(&way.key) {
            gates.retain(|_, own| own.gate.end_ms() > now_ms);
        }
        let own = gates.entry(way.key.clone()).or_default();
        if own.gate.end_ms() <= now_ms {
            *own = OwnGate::default();
        }
        work(own)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, OwnGate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After whatever is 0 in a gate that is new.
    fn now_ms(&self) -> i64 {
        millis(self.begun.elapsed()).saturating_add(1)
    }
}

/// One service. Times are of this process, in ms.
#[derive(Debug, Default)]
struct OwnGate {
    gate: Gate,
    probe: Option<Probe>,
}

/// A call that probes: its slot here, and the one at the gate that all share once it has one.
#[derive(Debug)]
struct Probe {
    own_ms: i64,
    slot_ms: Option<i64>,
}

impl OwnGate {
    fn enter(&mut self, asked: &Asked<'_>, now_ms: i64) -> Passage {
        if let Some(wait_ms) = self.gate.shut(asked, now_ms) {
            return Passage::Shut(wait_ms);
        }
        if self.is_closed(now_ms) || asked.is_asking {
            return Passage::Open { slot_ms: 0, is_probe: false };
        }
        let own_ms = now_ms + asked.lease_ms;
        self.gate.breaker_mut().probe(own_ms);
        self.probe = Some(Probe { own_ms, slot_ms: None });
        Passage::Open { slot_ms: own_ms, is_probe: true }
    }

    fn asked(&mut self, own_ms: i64, passage: Passage, now_ms: i64) {
        if matches!(passage, Passage::Shut(_)) && self.is_closed(now_ms) {
            self.gate.breaker_mut().forget_calls();
        }
        let probe = self.probe.take_if(|probe| probe.own_ms == own_ms);
        match (probe, passage) {
            (Some(probe), Passage::Open { slot_ms, .. }) => {
                self.probe = Some(Probe { slot_ms: Some(slot_ms), ..probe });
            }
            // It makes room for the next.
            (Some(_), _) => self.gate.breaker_mut().probe(0),
            (None, _) => {}
        }
    }

    fn leave(
        &mut self,
        slot_ms: i64,
        ended: Ended,
        is_shut: bool,
        asked: &Asked<'_>,
        now_ms: i64,
    ) -> Option<i64> {
        if is_shut && self.is_closed(now_ms) {
            self.gate.breaker_mut().forget_calls();
            return None;
        }
        let probe = self.probe.take_if(|probe| probe.slot_ms == Some(slot_ms));
        // Of one that began before no slot is known here.
        let own_ms = probe.map_or(-1, |probe| probe.own_ms);
        self.gate.judge(own_ms, ended, asked, now_ms)
    }

    fn is_closed(&self, now_ms: i64) -> bool {
        self.gate.breaker().state(0, now_ms) == State::Closed
    }
}

#[cfg(test)]
mod tests {
    use shared::broker::Lane;

    use super::*;
    use crate::limits::{LEAST, PROBE_MS};

    const LEASE_MS: i64 = 20_000;
    /// What the gate that all share calls a slot.
    const SLOT_MS: i64 = 1_790_000_000_000;
    const OPEN: Passage = Passage::Open { slot_ms: SLOT_MS, is_probe: false };

    fn asked(is_asking: bool) -> Asked<'static> {
        let (origin, worker, lane) = ("hubspot/1", "", Lane::Work);
        let (cap, lease_ms, waited_ms) = (200, LEASE_MS, 0);
        Asked { origin, worker, cap, lease_ms, lane, is_placed: true, is_asking, waited_ms }
    }

    /// A call that is let through here and by the others, and how it ends.
    fn call(own: &mut OwnGate, ended: Ended, now_ms: i64) -> Option<i64> {
        let Passage::Open { slot_ms, .. } = own.enter(&asked(false), now_ms) else {
            panic!("not let through at {now_ms}")
        };
        own.asked(slot_ms, OPEN, now_ms);
        own.leave(SLOT_MS, ended, false, &asked(false), now_ms)
    }

    fn broken() -> OwnGate {
        let mut own = OwnGate::default();
        for _ in 0..LEAST {
            assert_eq!(call(&mut own, Ended::Failed, 1_000), None);
        }
        own
    }

    #[test]
    fn what_fails_here_alone_is_shut_here_and_probed_by_one_until_it_is_answered() {
        let mut own = broken();
        assert_eq!(own.enter(&asked(false), 1_500), Passage::Shut(4_500));
        let Passage::Shut(wait_ms) = own.enter(&asked(false), 1_500) else { panic!("called") };
        assert!(wait_ms >= 4_500 + PROBE_MS, "{wait_ms}");
        // Who only asks is no probe.
        let open = Passage::Open { slot_ms: 0, is_probe: false };
        assert_eq!(own.enter(&asked(true), 6_000), open);
        let mut now_ms = 6_000;
        for open_ms in [10_000, 20_000, 40_000, 60_000, 60_000] {
            let probe = own.enter(&asked(false), now_ms);
            assert_eq!(probe, Passage::Open { slot_ms: now_ms + LEASE_MS, is_probe: true });
            assert!(matches!(own.enter(&asked(false), now_ms), Passage::Shut(_)), "two probes");
            own.asked(now_ms + LEASE_MS, OPEN, now_ms);
            let left = own.leave(SLOT_MS, Ended::Failed, false, &asked(false), now_ms);
            assert!(left.is_some_and(|wait_ms| wait_ms >= open_ms + PROBE_MS), "{left:?}");
            assert!(matches!(own.enter(&asked(true), now_ms + open_ms - 1), Passage::Shut(_)));
            now_ms += open_ms;
        }
        assert_eq!(call(&mut own, Ended::Passed, now_ms), None);
        assert!(own.is_closed(now_ms));
    }

    #[test]
    fn a_probe_that_the_others_do_not_let_through_makes_room_for_the_next() {
        for turned in [Passage::Full(100), Passage::Shut(5_000)] {
            let mut own = broken();
            let Passage::Open { slot_ms, is_probe: true } = own.enter(&asked(false), 6_000) else {
                panic!("it is to probe")
            };
            own.asked(slot_ms, turned, 6_001);
            assert_eq!(call(&mut own, Ended::Passed, 6_002), None);
            assert!(own.is_closed(6_002), "{turned:?}");
        }
    }

    #[test]
    fn a_call_that_began_before_says_nothing_of_the_probe() {
        let mut own = broken();
        let Passage::Open { slot_ms, is_probe: true } = own.enter(&asked(false), 6_000) else {
            panic!("it is to probe")
        };
        own.asked(slot_ms, OPEN, 6_000);
        assert_eq!(own.leave(SLOT_MS - 1, Ended::Passed, false, &asked(false), 6_001), None);
        assert!(!own.is_closed(6_001));
        assert_eq!(own.leave(SLOT_MS, Ended::Passed, false, &asked(false), 6_002), None);
        assert!(own.is_closed(6_002));
    }

    #[test]
    fn what_is_shut_for_all_is_not_counted_here() {
        for is_told_at_the_door in [true, false] {
            let mut own = OwnGate::default();
            for _ in 1..LEAST {
                call(&mut own, Ended::Failed, 1_000);
            }
            if is_told_at_the_door {
                own.asked(0, Passage::Shut(5_000), 1_000);
            } else {
                own.leave(SLOT_MS, Ended::Failed, true, &asked(false), 1_000);
            }
            for _ in 1..LEAST {
                call(&mut own, Ended::Failed, 2_000);
            }
            assert!(own.is_closed(2_000));
            call(&mut own, Ended::Failed, 2_000);
            assert!(!own.is_closed(2_000));
        }
    }
}
