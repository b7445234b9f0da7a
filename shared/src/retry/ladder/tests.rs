//! Ladders of schedules of every kind.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use super::*;
use crate::retry::RetrySchedule;

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
                let max = (initial * longer).min(crate::retry::LONGEST_MS);
                let steps = ladder(initial, multiplier, max, attempts);
                assert!(steps.windows(2).all(|two| two[0] < two[1]), "{steps:?}");
                assert!(steps.windows(2).all(|two| two[0] * STEP >= two[1]), "{steps:?}");
                assert!(steps[0] == initial && steps[steps.len() - 1] >= TOP_MS);
            }
        }
    }
}
