#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeSet;

use super::*;
use crate::retry::{RetrySchedule, jittered};

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;

fn ladder(initial_ms: u64, multiplier: f64, max_ms: u64, attempts: u32) -> Ladder {
    let [initial, max] = [initial_ms, max_ms].map(Duration::from_millis);
    RetrySchedule::new(initial, multiplier, max, attempts).unwrap().ladder()
}

fn default_ladder() -> Ladder {
    ladder(SECOND, 5.0, 6 * HOUR, 10)
}

/// All stays of a wait: delay and TTL in ms.
fn stays(ladder: &Ladder, wait: u64) -> Vec<(u64, u64)> {
    let (mut stays, mut rest) = (Vec::new(), Duration::from_millis(wait));
    loop {
        let hop = ladder.hop(rest);
        assert!(hop.rest < rest || rest.is_zero(), "{wait} ms on {ladder:?} ends");
        stays.push((millis(hop.delay), millis(hop.ttl)));
        rest = hop.rest;
        if rest.is_zero() {
            return stays;
        }
    }
}

/// How many stays a wait takes; each of them, and all together, as long as they may be.
fn checked(ladder: &Ladder, wait: u64) -> u64 {
    let stays = stays(ladder, wait);
    let say = || format!("{wait} ms on {ladder:?}: {stays:?}");
    for (delay, ttl) in &stays {
        assert!(ladder.0.contains(delay), "{}", say());
        assert!(ttl <= delay && ttl * 10 >= delay * 9, "{}", say());
    }
    let in_time: u64 = stays.iter().map(|(_, ttl)| ttl).sum();
    let behind_others: u64 = stays.iter().map(|(delay, _)| delay).sum();
    assert!(in_time >= wait, "{}", say());
    assert!(behind_others <= wait + wait / 10 + ladder.0[0], "{}", say());
    stays.len() as u64
}

/// A number that looks random, another one each time.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// As many waits as short as a millisecond as there are as long as half a year.
fn waits(state: &mut u64) -> impl Iterator<Item = u64> {
    (0..).map(move |number| 1 + next(state) % (1 << (number % 34)))
}

#[test]
fn what_fits_a_queue_takes_one_stay_in_it() {
    let ladder = default_ladder();
    for (wait, delay, ttl) in [
        (0, 1000, 910),
        (1000, 1000, 1000),
        (4 * SECOND, 5000, 4546),
        (24 * SECOND, 25_000, 24_000),
        (6 * HOUR, 6 * HOUR, 6 * HOUR),
    ] {
        assert_eq!(stays(&ladder, wait), [(delay, ttl)], "{wait}");
    }
    for delay in ladder.delays() {
        for _ in 0..100 {
            let hop = ladder.hop(jittered(delay));
            assert_eq!((hop.delay, hop.rest), (delay, Duration::ZERO), "a retry takes one stay");
        }
    }
}

#[test]
fn what_lies_between_two_queues_or_beyond_the_longest_takes_several() {
    let ladder = default_ladder();
    assert_eq!(stays(&ladder, 26 * SECOND), [(25_000, 25_000), (1000, 1000)]);
    let day = stays(&ladder, 24 * HOUR);
    assert_eq!(day, [(6 * HOUR, 6 * HOUR); 4]);
    let days: Vec<u64> = stays(&ladder, 100 * HOUR).into_iter().map(|(delay, _)| delay).collect();
    assert_eq!(days, [6 * HOUR; 17], "in as few as that many hours have room in");
    let year = Duration::from_secs(365 * 24 * 3600);
    assert_eq!(stays(&ladder, millis(year)).len(), 365 * 4);
}

#[test]
fn a_wait_is_rounded_up_and_one_without_end_has_a_next_stay_too() {
    let ladder = ladder(1, 5.0, HOUR, 10);
    let hop = ladder.hop(Duration::from_micros(1001));
    assert_eq!(hop.ttl + hop.rest, Duration::from_millis(2));
    let hop = ladder.hop(Duration::MAX);
    assert_eq!(hop.delay, Duration::from_secs(6 * 3600));
    assert!(!hop.rest.is_zero());
}

#[test]
fn every_short_wait_on_small_ladders_comes_back_in_time() {
    for (initial, multiplier, max) in
        [(1, 5.0, 1), (1, 2.0, 16), (2, 3.0, 100), (3, 1.0, 3), (7, 4.5, 400), (10, 10.0, 5000)]
    {
        let ladder = ladder(initial, multiplier, max, 8);
        let most = (0..4000).map(|wait| checked(&ladder, wait)).max();
        assert!(most <= Some(1 + 6 + 3), "{most:?} on {ladder:?}");
    }
}

#[test]
fn a_wait_takes_six_stays_more_at_most_than_it_has_longest_delays() {
    let state = &mut 17;
    let default = default_ladder();
    for wait in waits(state).take(4000) {
        assert!(checked(&default, wait) <= wait.div_ceil(6 * HOUR) + 6, "{wait}");
    }
    for _ in 0..60 {
        let initial = 100 + next(state) % (1 << (7 + next(state) % 17));
        let multiplier = [1.1, 1.7, 3.0, 5.0, 7.3, 41.0, 900.0][(next(state) % 7) as usize];
        let max = initial.max(next(state) % (1 << (10 + next(state) % 21)));
        let attempts = 1 + u32::try_from(next(state) % 15).unwrap();
        let ladder = ladder(initial, multiplier, max, attempts);
        let longest = ladder.0[ladder.0.len() - 1];
        for wait in waits(state).take(300) {
            let most = wait.div_ceil(longest).max(1) + 6;
            assert!(checked(&ladder, wait) <= most, "{wait} ms on {ladder:?}");
        }
    }
}

/// Every sum of so many delays.
fn sums(delays: &[u64], stays: u32) -> BTreeSet<u64> {
    (0..stays).fold(BTreeSet::from([0]), |sums, _| {
        sums.iter().flat_map(|sum| delays.iter().map(move |delay| sum + delay)).collect()
    })
}

#[test]
fn no_way_has_fewer_stays() {
    let ladder = default_ladder();
    let sums: Vec<BTreeSet<u64>> = (1..=7).map(|stays| sums(&ladder.0, stays)).collect();
    for wait in waits(&mut 5).filter(|wait| *wait <= 6 * HOUR).take(500) {
        let most = wait + wait / 10 + SECOND;
        let fewest = sums.iter().position(|sums| sums.range(wait..=most).next().is_some());
        assert_eq!(checked(&ladder, wait), fewest.unwrap() as u64 + 1, "{wait}");
    }
}
