//! How many calls of a service are under way at once, for all workers together, and who waits for one to
//! end. A pure state; the script on Redis says the same.
//!
//! Each call has a slot under a lease, which a worker that dies gives back by not being there. It refuses
//! to know whether the service is well: that is the breaker's.

use std::collections::VecDeque;

use shared::broker::Lane;

use super::flows::Flows;
use super::line::{BULK_OF_TEN, LATE_MS};

/// How long a call is thought to take, as long as none was seen, in ms.
pub(crate) const UNSEEN_MS: i64 = 200;
/// Nobody comes back sooner, in ms.
pub(crate) const SOONEST_MS: i64 = 100;

/// Who asks, and for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// Whose run it is.
    pub(super) origin: &'a str,
    /// The process that calls.
    pub(super) worker: &'a str,
    /// Calls at once.
    pub(super) cap: u32,
    /// No call takes longer.
    pub(super) lease_ms: i64,
    pub(super) lane: Lane,
    /// Whether it has had its place.
    pub(super) is_placed: bool,
    /// Whether it only wants to know.
    pub(super) is_asking: bool,
    /// For how long it has waited in all.
    pub(super) waited_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cap {
    /// Slots that are taken, each by the end of its lease.
    work: VecDeque<i64>,
    bulk: VecDeque<i64>,
    /// Who was told to come.
    flows: Flows,
    /// When the last comes of those who come back again.
    back_end_ms: i64,
    /// Until when somebody of bulk waits who has a share.
    bulk_waits_ms: i64,
    /// How long calls take.
    mean_ms: i64,
}

impl Default for Cap {
    fn default() -> Self {
        let (work, bulk, flows) = (VecDeque::new(), VecDeque::new(), Flows::default());
        let (back_end_ms, bulk_waits_ms, mean_ms) = (0, 0, UNSEEN_MS);
        Self { work, bulk, flows, back_end_ms, bulk_waits_ms, mean_ms }
    }
}

impl Cap {
    /// For how long there is no slot, at a guess; `None` if there is one.
    pub(super) fn full(&mut self, asked: &Asked<'_>, now_ms: i64) -> Option<i64> {
        self.forget(now_ms);
        let is_bulk = asked.lane == Lane::Bulk;
        let own = (asked.cap / 10).max(1);
        let turns = own.saturating_sub(count(&self.bulk));
        let has_turn = is_bulk && turns > 0;
        let most = if has_turn {
            asked.cap
        } else if is_bulk {
            (asked.cap * BULK_OF_TEN / 10).max(1)
        } else if self.bulk_waits_ms > now_ms {
            asked.cap.saturating_sub(turns)
        } else {
            asked.cap
        };
        let end_ms = self.flows.end_of(asked.origin, asked.lane);
        if self.used() >= most {
            let wait_ms = self.guess_ms(asked, now_ms);
            if has_turn && asked.is_placed {
                self.bulk_waits_ms = self.bulk_waits_ms.max(now_ms + wait_ms + LATE_MS);
            }
            return Some(wait_ms);
        }
        // Who is new does not overtake those who wait, unless there is room for them all the same.
        let is_behind = !asked.is_placed && end_ms.max(self.back_end_ms) > now_ms;
        (is_behind && self.used() * 2 >= asked.cap).then_some(1)
    }

    /// Takes a slot; it is called by its number.
    pub(super) fn take(&mut self, asked: &Asked<'_>, now_ms: i64) -> i64 {
        let slot_ms = now_ms + asked.lease_ms;
        let slots = if asked.lane == Lane::Bulk { &mut self.bulk } else { &mut self.work };
        slots.push_back(slot_ms);
        slot_ms
    }

    /// Gives a slot back, and notes how long the call took if it came to an end.
    pub(super) fn give_back(&mut self, slot_ms: i64, lease_ms: i64, is_done: bool, now_ms: i64) {
        for slots in [&mut self.work, &mut self.bulk] {
            if let Some(found) = slots.iter().position(|slot| *slot == slot_ms) {
                slots.remove(found);
                break;
            }
        }
        if is_done {
            let took_ms = (now_ms - (slot_ms - lease_ms)).clamp(0, lease_ms);
            self.mean_ms = ((self.mean_ms * 7 + took_ms) / 8).max(1);
        }
    }

    /// When somebody comes back, not before `begin_ms`: one after the other, as fast as calls end.
    pub(super) fn place(&mut self, asked: &Asked<'_>, begin_ms: i64, now_ms: i64) -> i64 {
        let step_ms = (self.mean_ms / i64::from(asked.cap.max(1))).max(1);
        if asked.is_placed {
            self.back_end_ms = begin_ms.max(self.back_end_ms + step_ms);
            return self.back_end_ms;
        }
        self.flows.forget(now_ms);
        let mut begin_ms = begin_ms.max(self.back_end_ms + step_ms);
        if asked.lane == Lane::Bulk {
            begin_ms = begin_ms.max(self.flows.end_ms(Lane::Work) + step_ms);
        }
        self.flows.place(asked.origin, asked.lane, begin_ms, step_ms, now_ms)
    }

    /// Slots that are taken.
    pub(super) fn used(&self) -> u32 {
        count(&self.work) + count(&self.bulk)
    }

    /// Those whose leases are not over then.
    pub(super) fn used_at(&self, now_ms: i64) -> i64 {
        let slots = self.work.iter().chain(&self.bulk).filter(|slot_ms| **slot_ms > now_ms);
        i64::try_from(slots.count()).unwrap_or(i64::MAX)
    }

    /// When the last comes who was told to.
    pub(super) fn end_ms(&self) -> i64 {
        self.flows.end_ms(Lane::Work).max(self.flows.end_ms(Lane::Bulk)).max(self.back_end_ms)
    }

    /// When the last lease is over.
    pub(super) fn last_ms(&self) -> i64 {
        let last = |slots: &VecDeque<i64>| slots.iter().copied().max().unwrap_or_default();
        last(&self.work).max(last(&self.bulk))
    }

    /// Leases that are over.
    pub(super) fn forget(&mut self, now_ms: i64) {
        self.work.retain(|slot_ms| *slot_ms > now_ms);
        self.bulk.retain(|slot_ms| *slot_ms > now_ms);
    }

    /// As long as calls take, or have taken so far: what hangs is asked for less and less often.
    fn guess_ms(&self, asked: &Asked<'_>, now_ms: i64) -> i64 {
        let slots = self.work.iter().chain(&self.bulk);
        let oldest_ms = slots.min().map_or(0, |slot_ms| now_ms - (slot_ms - asked.lease_ms));
        self.mean_ms.max(oldest_ms).min(asked.lease_ms).max(SOONEST_MS)
    }
}

fn count(slots: &VecDeque<i64>) -> u32 {
    u32::try_from(slots.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lane: Lane, is_placed: bool) -> Asked<'static> {
        let (origin, worker, cap, lease_ms) = ("hubspot/1", "a", 10, 15_000);
        Asked { origin, worker, cap, lease_ms, lane, is_placed, is_asking: false, waited_ms: 0 }
    }

    fn taken(cap: &mut Cap, lane: Lane, now_ms: i64) -> Option<i64> {
        let asked = asked(lane, true);
        cap.full(&asked, now_ms).is_none().then(|| cap.take(&asked, now_ms))
    }

    #[test]
    fn a_slot_comes_back_when_its_call_ends_or_its_worker_is_no_more() {
        let mut cap = Cap::default();
        let slots: Vec<_> = (0..12).map(|_| taken(&mut cap, Lane::Work, 1000)).collect();
        assert_eq!(slots.iter().flatten().count(), 10);
        cap.give_back(slots[0].unwrap_or_default(), 15_000, true, 1100);
        assert!(taken(&mut cap, Lane::Work, 1100).is_some());
        assert!(taken(&mut cap, Lane::Work, 15_999).is_none());
        // Nine leases are over, the tenth was taken later.
        assert!((0..9).all(|_| taken(&mut cap, Lane::Work, 16_000).is_some()));
        assert!(taken(&mut cap, Lane::Work, 16_000).is_none());
        // Late, it gives back nobody else's.
        cap.give_back(slots[1].unwrap_or_default(), 15_000, true, 16_000);
        assert!(taken(&mut cap, Lane::Work, 16_000).is_none());
    }

    #[test]
    fn bulk_leaves_room_for_what_comes_live_and_has_a_share_of_its_own() {
        let mut cap = Cap::default();
        let bulk = (0..10).filter(|_| taken(&mut cap, Lane::Bulk, 1000).is_some()).count();
        assert_eq!(bulk, 7);
        assert_eq!((0..10).filter(|_| taken(&mut cap, Lane::Work, 1000).is_some()).count(), 3);

        let mut cap = Cap::default();
        let live: Vec<_> = (0..10).map(|_| taken(&mut cap, Lane::Work, 1000)).collect();
        assert!(taken(&mut cap, Lane::Bulk, 1000).is_none());
        cap.give_back(live[0].unwrap_or_default(), 15_000, true, 1050);
        assert!(taken(&mut cap, Lane::Work, 1050).is_none(), "that is bulk's");
        assert!(taken(&mut cap, Lane::Bulk, 1060).is_some());
    }

    #[test]
    fn the_longer_calls_hang_the_longer_is_waited() {
        let mut cap = Cap::default();
        for _ in 0..10 {
            let _ = taken(&mut cap, Lane::Work, 1000);
        }
        let waits = [1000, 2000, 5000].map(|now_ms| cap.full(&asked(Lane::Work, true), now_ms));
        assert_eq!(waits, [Some(200), Some(1000), Some(4000)]);
    }

    #[test]
    fn who_is_new_comes_after_those_who_wait_unless_there_is_room_for_all() {
        let mut cap = Cap::default();
        for _ in 0..10 {
            let _ = taken(&mut cap, Lane::Work, 1000);
        }
        let new = asked(Lane::Work, false);
        let places: Vec<_> = (0..3).map(|_| cap.place(&new, 1200, 1000)).collect();
        assert_eq!(places, [1200, 1220, 1240]);
        // Another's line begins where that of the first did, and takes turns with it.
        let other = Asked { origin: "hubspot/2", ..new };
        let places: Vec<_> = (0..3).map(|_| cap.place(&other, 1200, 1000)).collect();
        assert_eq!(places, [1200, 1240, 1280]);
        for slot in 0..5 {
            assert!(cap.full(&new, 1100).is_some(), "{slot} are free");
            cap.give_back(16_000, 15_000, true, 1100);
        }
        cap.give_back(16_000, 15_000, true, 1100);
        assert_eq!(cap.full(&new, 1100), None);
    }
}
