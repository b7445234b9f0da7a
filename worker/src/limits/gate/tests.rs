//! A service that is down, played with a clock of its own.

use std::collections::BTreeSet;

use shared::broker::Lane;

use super::*;
use crate::limits::LONGEST_OPEN_MS;

pub(super) const LEASE_MS: i64 = 20_000;
/// Whoever gets no answer gives up after this.
pub(super) const TIMEOUT_MS: i64 = 10_000;

pub(super) fn asked(cap: u32, lane: Lane, is_placed: bool, waited_ms: i64) -> Asked<'static> {
    let (origin, worker, lease_ms) = ("hubspot/1", "a", LEASE_MS);
    Asked { origin, worker, cap, lease_ms, lane, is_placed, is_asking: false, waited_ms }
}

/// The longest that a run waits, and the most attempts it has: each five times later than the one before.
const WAIT_MAX_MS: i64 = 72 * 3_600_000;
const ATTEMPTS: u32 = 10;

/// What becomes of the calls of an event that the service cannot take, down or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poison {
    /// 5xx.
    Answered,
    /// No answer.
    Silent,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, Default)]
struct Played {
    done_ms: i64,
    /// How often it was put off, and how often its call failed.
    passes: u32,
    attempts: u32,
}

/// Plays runs that come at these times, each with one call, at a service that does not answer until
/// `up_ms` and then answers after `took_ms`.
fn play(cap: u32, comes_ms: &[i64], up_ms: i64, took_ms: i64) -> Vec<Played> {
    play_with(cap, comes_ms, up_ms, took_ms, None)
}

/// The same with one run that is never done.
fn play_with(
    cap: u32,
    comes_ms: &[i64],
    up_ms: i64,
    took_ms: i64,
    poison: Option<(usize, Poison)>,
) -> Vec<Played> {
    let poison = |run| poison.filter(|(poisoned, _)| *poisoned == run).map(|(_, poison)| poison);
    let mut gate = Gate::default();
    let mut played = vec![Played::default(); comes_ms.len()];
    // When, which run, its slot if it calls, since when it waits, whether it has had a place.
    let comes = comes_ms.iter().enumerate().map(|(run, at_ms)| (*at_ms, run, 0, *at_ms, false));
    let mut due: BTreeSet<(i64, usize, i64, i64, bool)> = comes.collect();
    let mut calling = 0;
    while let Some((now_ms, run, slot_ms, since_ms, is_placed)) = due.pop_first() {
        if slot_ms > 0 {
            calling -= 1;
            let began_ms = slot_ms - LEASE_MS;
            let is_silent = now_ms - began_ms >= TIMEOUT_MS;
            let has_failed = is_silent || poison(run).is_some();
            let ended = if has_failed { Ended::Failed } else { Ended::Passed };
            let asked = asked(cap, Lane::Work, is_placed, now_ms - since_ms);
            match gate.leave(slot_ms, ended, &asked, now_ms) {
                // Answered, it is an attempt as any other.
                Some(wait_ms) if is_silent => {
                    played[run].passes += 1;
                    if now_ms + wait_ms - since_ms < WAIT_MAX_MS {
                        due.insert((now_ms + wait_ms, run, 0, since_ms, true));
                    }
                }
                _ if has_failed => {
                    played[run].attempts += 1;
                    if played[run].attempts < ATTEMPTS {
                        let later_ms = 1000 * 5_i64.pow(played[run].attempts - 1);
                        due.insert((now_ms + later_ms, run, 0, since_ms, true));
                    }
                }
                _ => played[run].done_ms = now_ms,
            }
            continue;
        }
        match gate.enter(&asked(cap, Lane::Work, is_placed, now_ms - since_ms), now_ms) {
            Passage::Open { slot_ms, .. } => {
                calling += 1;
                assert!(calling <= cap + 1, "{calling} calls at {now_ms}");
                let hangs = now_ms < up_ms || poison(run) == Some(Poison::Silent);
                let long_ms = if hangs { TIMEOUT_MS } else { took_ms };
                due.insert((now_ms + long_ms, run, slot_ms, since_ms, is_placed));
            }
            Passage::Full(wait_ms) | Passage::Shut(wait_ms) => {
                assert!(wait_ms > 0);
                played[run].passes += 1;
                due.insert((now_ms + wait_ms, run, 0, since_ms, true));
            }
        }
    }
    played
}

fn last_ms(played: &[Played]) -> i64 {
    played.iter().map(|played| played.done_ms).max().unwrap_or_default()
}

#[test]
fn of_a_service_that_hangs_few_calls_fail_and_all_are_made_when_it_is_back() {
    let comes_ms: Vec<i64> = (0..1000).map(|run| 1_000_000 + run * 20).collect();
    let up_ms = 1_000_000 + 600_000;
    let played = play(200, &comes_ms, up_ms, 50);
    let attempts: u32 = played.iter().map(|played| played.attempts).sum();
    assert!(attempts <= 210, "{attempts} attempts for {} runs", played.len());
    assert!(played.iter().all(|played| played.done_ms >= up_ms && played.attempts <= 1));
    // An eighth of ten minutes, and one time that it was open.
    let late_s = (last_ms(&played) - up_ms) / 1000;
    assert!(late_s <= 75 + 60 + 15, "{late_s} s");
    let most = played.iter().map(|played| played.passes).max().unwrap_or_default();
    assert!(most <= 30, "{most} passes");
}

/// Whichever of them it is, it probes for the others now and then, and never instead of them.
#[test]
fn an_event_that_the_service_cannot_take_keeps_nobody_else_out() {
    let comes_ms: Vec<i64> = (0..50).map(|run| 1_000_000 + run * 100).collect();
    let up_ms = 1_000_000 + 120_000;
    for poison in [Poison::Answered, Poison::Silent] {
        for poisoned in 0..comes_ms.len() {
            let mut played = play_with(10, &comes_ms, up_ms, 50, Some((poisoned, poison)));
            let of = played.remove(poisoned);
            assert!(played.iter().all(|played| played.done_ms >= up_ms), "{poisoned} {poison:?}");
            let late_s = (last_ms(&played) - up_ms) / 1000;
            assert!(late_s <= 240, "{late_s} s, {poisoned} {poison:?}");
            if poison == Poison::Answered {
                assert_eq!(of.attempts, ATTEMPTS, "{of:?}");
            }
        }
    }
}

/// It is nobody's turn but its own.
#[test]
fn one_run_alone_finds_out_soon_that_the_service_is_back() {
    let up_ms = 1_000_000 + 6 * 3_600_000;
    let played = play(1, &[1_000_000], up_ms, 50);
    assert!(last_ms(&played) - up_ms <= LONGEST_OPEN_MS + PROBE_MS + TIMEOUT_MS + 50, "{played:?}");
}

#[test]
fn who_probes_in_vain_comes_after_whoever_comes_for_the_next_probe() {
    let (mut gate, first, other) =
        (Gate::default(), asked(1, Lane::Work, true, 0), asked(1, Lane::Work, false, 0));
    for call in 0..3 {
        assert_eq!(gate.leave(0, Ended::Failed, &first, 1000 + call), None);
    }
    let until_ms = 1002 + 5_000;
    assert_eq!(gate.enter(&first, 1500), Passage::Shut(until_ms - 1500));
    let Passage::Open { slot_ms, is_probe: true } = gate.enter(&first, until_ms) else {
        panic!("it is to probe")
    };
    let failed_ms = until_ms + 100;
    assert_eq!(gate.leave(slot_ms, Ended::Failed, &first, failed_ms), Some(10_000 + PROBE_MS));
    assert_eq!(gate.enter(&other, failed_ms + 200), Passage::Shut(9_800));
    let slot_ms = failed_ms + 10_000 + LEASE_MS;
    assert_eq!(gate.enter(&other, failed_ms + 10_000), Passage::Open { slot_ms, is_probe: true });
}

#[test]
fn more_runs_than_slots_are_all_done_and_few_come_by_in_vain() {
    let comes_ms: Vec<i64> = (0..2000).map(|run| 1_000_000 + run).collect();
    let played = play(10, &comes_ms, 0, 100);
    // A hundred a second.
    let took_s = (last_ms(&played) - 1_000_000) / 1000;
    assert!((19..=27).contains(&took_s), "{took_s} s");
    let passes: u32 = played.iter().map(|played| played.passes).sum();
    assert!(passes <= 3 * 2000, "{passes}");
    assert!(played.iter().all(|played| played.attempts == 0));
}

#[test]
fn a_line_of_live_runs_does_not_keep_bulk_out() {
    let mut gate = Gate::default();
    let live = asked(1, Lane::Work, true, 0);
    let bulk = asked(1, Lane::Bulk, true, 0);
    let Passage::Open { slot_ms, .. } = gate.enter(&live, 1000) else { panic!("it is free") };
    assert!(matches!(gate.enter(&bulk, 1100), Passage::Full(_)));
    assert_eq!(gate.leave(slot_ms, Ended::Passed, &live, 1150), None);
    assert!(matches!(gate.enter(&live, 1150), Passage::Full(_)), "bulk waits for it");
    assert!(matches!(gate.enter(&bulk, 1200), Passage::Open { .. }));
}

#[test]
fn who_only_asks_is_told_by_how_many_there_may_be_and_changes_nothing_of_it() {
    let mut gate = Gate::default();
    let few = asked(2, Lane::Work, true, 0);
    let asking = Asked { cap: 200, is_asking: true, ..few };
    assert!(matches!(gate.enter(&asking, 1000), Passage::Open { .. }), "nobody has called yet");
    for _ in 0..2 {
        assert!(matches!(gate.enter(&few, 1000), Passage::Open { .. }));
    }
    assert!(matches!(gate.enter(&asking, 1001), Passage::Full(_)), "two are under way");
    assert_eq!(gate.sight(1001)[1], 2);
}
