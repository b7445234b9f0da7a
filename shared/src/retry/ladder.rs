//! The delays that there are queues for: those of the schedule, and what lies between them, so that
//! a long wait needs few stays whatever the schedule is.

use std::time::Duration;

use super::RetrySchedule;

/// A queue's delay is at most so many times the next shorter one.
const STEP: u64 = 5;
/// There is always a queue that is at least so long.
const TOP_MS: u64 = 6 * 3600 * 1000;

/// Delays in ms, ascending, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder(pub(super) Vec<u64>);

impl Ladder {
    pub(super) fn of(schedule: &RetrySchedule) -> Self {
        let mut own = schedule.distinct();
        own.push(TOP_MS.max(own[own.len() - 1]));
        own.dedup();
        let mut delays = Vec::new();
        for delay in own {
            while let Some(below) = delays.last().filter(|below| *below * STEP < delay) {
                delays.push(below * STEP);
            }
            delays.push(delay);
        }
        Self(delays)
    }

    /// Every delay, ascending: one queue each.
    pub fn delays(&self) -> impl Iterator<Item = Duration> {
        self.0.iter().copied().map(Duration::from_millis)
    }

    /// When a message is back at the latest that is sent to wait for `wait`, as far as that is up to
    /// the queues: a tenth and one shortest delay later.
    #[must_use]
    pub fn at_most(&self, wait: Duration) -> Duration {
        wait.saturating_add(wait / 10).saturating_add(Duration::from_millis(self.0[0]))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn ladder(initial_ms: u64, multiplier: f64, max_ms: u64, attempts: u32) -> Vec<u64> {
        let [initial, max] = [initial_ms, max_ms].map(Duration::from_millis);
        RetrySchedule::new(initial, multiplier, max, attempts).unwrap().ladder().0
    }

    #[test]
    fn the_default_schedule_has_all_it_needs() {
        let seconds = [1, 5, 25, 125, 625, 3125, 15_625, 21_600];
        assert_eq!(ladder(1000, 5.0, TOP_MS, 10), seconds.map(|seconds| seconds * 1000));
    }

    #[test]
    fn steps_that_are_missing_are_put_in() {
        // Its own end early, or are far apart.
        assert_eq!(ladder(1000, 5.0, TOP_MS, 1), ladder(1000, 5.0, TOP_MS, 10));
        let minutes = [1, 5, 25, 60, 300, 360].map(|minutes| minutes * 60_000);
        assert_eq!(ladder(60_000, 60.0, 3_600_000, 3), minutes);
        // From beyond the top.
        let day = 24 * 3_600_000;
        assert_eq!(ladder(day, 10.0, 20 * day, 4), [day, 5 * day, 10 * day, 20 * day]);
        assert_eq!(ladder(day, 10.0, day, 3), [day]);
    }

    #[test]
    fn no_step_is_higher_than_five_times_the_one_below() {
        for initial in [1, 7, 50, 999, 60_000, TOP_MS - 1, TOP_MS + 1] {
            for multiplier in [1.0, 1.3, 4.9, 5.1, 33.0, 1000.0] {
                for (longer, attempts) in [(1, 1), (3, 4), (100, 9), (2000, 30)] {
                    let max = (initial * longer).min(super::super::LONGEST_MS);
                    let steps = ladder(initial, multiplier, max, attempts);
                    assert!(steps.windows(2).all(|two| two[0] < two[1]), "{steps:?}");
                    assert!(steps.windows(2).all(|two| two[0] * STEP >= two[1]), "{steps:?}");
                    assert!(steps[0] == initial && steps[steps.len() - 1] >= TOP_MS);
                }
            }
        }
    }
}
