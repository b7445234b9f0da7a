//! How the calls of the last seconds have ended, by the worker that made them: what a breaker is opened by.
//! A pure state; the script on Redis says the same.
//!
//! What is broken may be one worker's own network. So what one worker finds shuts nobody out while another
//! is answered: more than half of those that called must find the same, each by its own calls.

use std::collections::{BTreeMap, VecDeque};

/// The last seconds are so many slices of so many ms: each worker has one entry in each at the most.
pub(crate) const SLICE_MS: i64 = 5_000;
pub(crate) const SLICES: i64 = 6;
/// Fewer calls say nothing; fewer still where not as many may be made at once.
pub(crate) const LEAST: u32 = 10;
pub(crate) const LEAST_OF_ALL: u32 = 3;

/// Calls of the last seconds, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Outcomes(VecDeque<Calls>);

/// Those of one worker in one slice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Calls {
    slice: i64,
    worker: String,
    count: u32,
    failures: u32,
}

impl Outcomes {
    /// A worker's call has ended.
    pub(super) fn note(&mut self, worker: &str, has_failed: bool, now_ms: i64) {
        self.forget(now_ms);
        let (slice, failures) = (now_ms / SLICE_MS, u32::from(has_failed));
        let mut known = self.0.iter_mut();
        match known.find(|calls| calls.slice == slice && calls.worker == worker) {
            Some(calls) => {
                calls.count += 1;
                calls.failures += failures;
            }
            None => {
                self.0.push_back(Calls { slice, worker: worker.to_owned(), count: 1, failures });
            }
        }
    }

    /// Whether half of all calls have failed, of enough, and half of its own for more than half of the
    /// workers.
    pub(super) fn show_outage(&self, cap: u32) -> bool {
        let mut workers: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        let (mut count, mut failures) = (0, 0);
        for calls in &self.0 {
            let own = workers.entry(calls.worker.as_str()).or_default();
            *own = (own.0 + calls.count, own.1 + calls.failures);
            (count, failures) = (count + calls.count, failures + calls.failures);
        }
        let failing = workers.values().filter(|(count, failures)| *failures * 2 >= *count);
        count >= LEAST.min(cap.max(LEAST_OF_ALL))
            && failures * 2 >= count
            && failing.count() * 2 > workers.len()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is no longer of the last seconds.
    fn forget(&mut self, now_ms: i64) {
        let over = now_ms / SLICE_MS - SLICES;
        while self.0.front().is_some_and(|calls| calls.slice <= over) {
            self.0.pop_front();
        }
    }

    /// When all of it is.
    pub(super) fn end_ms(&self) -> i64 {
        self.0.back().map_or(0, |calls| (calls.slice + SLICES) * SLICE_MS)
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
        outcomes.show_outage(200)
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

    #[test]
    fn what_is_over_counts_for_nobody() {
        let mut outcomes = Outcomes::default();
        outcomes.note("b", false, NOW_MS);
        for call in 0..20 {
            outcomes.note("a", true, NOW_MS + 10_000 + call);
        }
        assert!(!outcomes.show_outage(200), "the other was answered");
        outcomes.note("a", true, NOW_MS + SLICES * SLICE_MS);
        assert!(outcomes.show_outage(200), "that is long ago");
        assert_eq!(outcomes.end_ms(), NOW_MS + 2 * SLICES * SLICE_MS);
    }
}
