//! How the calls of the last seconds have ended, of all workers and by the worker that made them: what a
//! breaker is opened by. A pure state; the script on Redis says the same.
//!
//! What is broken may be one worker's own network. So what one worker finds shuts nobody out while another
//! is answered: more than half of those that call must find the same, each by its own calls. Who has not
//! called for some seconds has no say: it may be idle, or be no more.

use std::collections::{BTreeMap, VecDeque};

/// The last seconds are so many slices of so many ms.
pub(crate) const SLICE_MS: i64 = 5_000;
pub(crate) const SLICES: i64 = 6;
/// Who has called in none of the last slices, which are so many, has no say.
pub(crate) const LATELY: i64 = 2;
/// Fewer calls say nothing; fewer still where not as many may be made at once.
pub(crate) const LEAST: u32 = 10;
pub(crate) const LEAST_OF_ALL: u32 = 3;

/// Calls of the last seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Outcomes {
    /// Of all workers by slice, the oldest first.
    all: VecDeque<(i64, Calls)>,
    /// By slice and worker: looked at only when all of them show an outage.
    own: BTreeMap<(i64, String), Calls>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Calls {
    count: u32,
    failures: u32,
}

impl Calls {
    fn add(&mut self, more: Self) {
        self.count += more.count;
        self.failures += more.failures;
    }

    /// Whether half of them have failed.
    fn are_failing(self) -> bool {
        self.failures * 2 >= self.count
    }
}

impl Outcomes {
    /// A worker's call has ended.
    pub(super) fn note(&mut self, worker: &str, has_failed: bool, now_ms: i64) {
        let slice = now_ms / SLICE_MS;
        self.forget(slice - SLICES);
        let call = Calls { count: 1, failures: u32::from(has_failed) };
        if self.all.back().is_none_or(|(newest, _)| *newest != slice) {
            self.all.push_back((slice, Calls::default()));
        }
        if let Some((_, calls)) = self.all.back_mut() {
            calls.add(call);
        }
        self.own.entry((slice, worker.to_owned())).or_default().add(call);
    }

    /// Whether half of all calls have failed, of enough, and half of its own for more than half of the
    /// workers that called lately.
    pub(super) fn show_outage(&self, cap: u32, now_ms: i64) -> bool {
        let mut all = Calls::default();
        for (_, calls) in &self.all {
            all.add(*calls);
        }
        all.count >= LEAST.min(cap.max(LEAST_OF_ALL))
            && all.are_failing()
            && self.is_agreed(now_ms / SLICE_MS - LATELY)
    }

    /// Among the workers that have called after that slice.
    fn is_agreed(&self, silent_since: i64) -> bool {
        let mut workers: BTreeMap<&str, (Calls, i64)> = BTreeMap::new();
        for ((slice, worker), calls) in &self.own {
            let (own, last) = workers.entry(worker).or_default();
            own.add(*calls);
            *last = *slice;
        }
        let voters = || workers.values().filter(|(_, last)| *last > silent_since);
        voters().filter(|(own, _)| own.are_failing()).count() * 2 > voters().count()
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.own.clear();
    }

    /// What is no longer of the last seconds.
    fn forget(&mut self, over: i64) {
        while self.all.front().is_some_and(|(slice, _)| *slice <= over) {
            self.all.pop_front();
        }
        while let Some(oldest) = self.own.first_entry()
            && oldest.key().0 <= over
        {
            oldest.remove();
        }
    }

    /// When all of it is.
    pub(super) fn end_ms(&self) -> i64 {
        self.all.back().map_or(0, |(slice, _)| (slice + SLICES) * SLICE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_000_000;

    /// After so many calls of each worker, and so many of these failed.
    fn are_down(workers: &[(&str, u32, u32)]) -> bool {
        let mut outcomes = Outcomes::default();
        for (worker, count, failures) in workers {
            for call in 0..*count {
                outcomes.note(worker, call < *failures, NOW_MS);
            }
        }
        outcomes.show_outage(200, NOW_MS)
    }

    #[test]
    fn one_worker_that_fails_beside_another_that_is_answered_says_nothing() {
        assert!(are_down(&[("a", 10, 10)]), "nobody else has called");
        assert!(!are_down(&[("a", 500, 500), ("b", 1, 0)]));
        assert!(!are_down(&[("a", 500, 500), ("b", 20, 9)]));
        assert!(are_down(&[("a", 500, 500), ("b", 20, 10)]), "both find it");
        assert!(are_down(&[("a", 5, 5), ("b", 4, 4), ("c", 1, 0)]), "two of three do");
        assert!(!are_down(&[("a", 5, 5), ("b", 5, 5), ("c", 1, 0), ("d", 1, 0)]));
    }

    #[test]
    fn half_of_all_calls_must_have_failed_too_and_of_enough() {
        assert!(!are_down(&[("a", 100, 0), ("b", 1, 1), ("c", 1, 1)]));
        assert!(!are_down(&[("a", 5, 5), ("b", 4, 4)]));
        assert!(are_down(&[("a", 5, 5), ("b", 5, 5)]));
    }

    /// An idle one, or one that was started anew under another name.
    #[test]
    fn who_has_not_called_for_two_slices_has_no_say() {
        let mut outcomes = Outcomes::default();
        outcomes.note("b", false, NOW_MS);
        for (later_ms, is_shown) in [(0, false), (SLICE_MS, false), (2 * SLICE_MS, true)] {
            let now_ms = NOW_MS + later_ms;
            for call in 0..20 {
                outcomes.note("a", true, now_ms + call);
            }
            assert_eq!(outcomes.show_outage(200, now_ms + 20), is_shown, "{later_ms} ms later");
        }
        outcomes.note("b", true, NOW_MS + 2 * SLICE_MS);
        assert!(outcomes.show_outage(200, NOW_MS + 2 * SLICE_MS), "half of its own failed");
        outcomes.note("b", false, NOW_MS + 2 * SLICE_MS);
        assert!(!outcomes.show_outage(200, NOW_MS + 2 * SLICE_MS), "it has a say again");
    }

    #[test]
    fn what_is_over_counts_for_nobody() {
        let mut outcomes = Outcomes::default();
        for call in 0..20 {
            outcomes.note("a", true, NOW_MS + call);
        }
        let now_ms = NOW_MS + SLICES * SLICE_MS;
        outcomes.note("b", true, now_ms);
        assert!(!outcomes.show_outage(200, now_ms), "that is long ago");
        assert_eq!((outcomes.all.len(), outcomes.own.len()), (1, 1));
        assert_eq!(outcomes.end_ms(), now_ms + SLICES * SLICE_MS);
    }
}
