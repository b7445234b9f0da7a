//! Lines as they come about, played with a clock of their own.

use std::time::Duration;

use super::*;
use crate::limits::MOST_SWAPS;

const WINDOW_MS: i64 = 10_000;

fn asked(size: u32, lane: Lane, standing: Standing) -> Asked<'static> {
    Asked { sharing: None, size: Some(size), window_ms: WINDOW_MS, lane, standing, waited_ms: 0 }
}

fn new(requests: f64) -> Standing {
    Standing::New { requests }
}

/// A run that makes `requests` requests, the first when its turn comes, each other `between_ms` later.
#[derive(Clone, Copy)]
struct Play {
    lane: Lane,
    requests: u32,
    between_ms: i64,
    /// Whose, where the limit is shared.
    sharing: Option<&'static str>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default)]
struct Played {
    done_ms: i64,
    /// How often it was put off, and how often it asked for room in vain.
    places: u32,
    waits: u32,
}

/// Plays runs that come at their times against a limit, and tells what became of each. Panics if a
/// window ever has more than the limit's size.
fn play(size: u32, runs: &[(i64, Play)]) -> Vec<Played> {
    play_in(WINDOW_MS, size, runs)
}

fn play_in(window_ms: i64, size: u32, runs: &[(i64, Play)]) -> Vec<Played> {
    let mut line = Line::default();
    let mut played = vec![Played::default(); runs.len()];
    let mut granted: Vec<i64> = Vec::new();
    // When, which run, how many requests it has made, whether it has had a place.
    let mut due: std::collections::BTreeSet<(i64, usize, u32, bool)> =
        runs.iter().enumerate().map(|(run, (at_ms, _))| (*at_ms, run, 0, false)).collect();
    while let Some((now_ms, run, made, placed)) = due.pop_first() {
        let Play { lane, requests, between_ms, sharing } = runs[run].1;
        let standing = match (made, placed) {
            (0, false) => new(f64::from(requests)),
            (0, true) => Standing::Placed { requests: f64::from(requests) },
            _ => Standing::UnderWay,
        };
        let asked = Asked { sharing, window_ms, ..asked(size, lane, standing) };
        match line.take(&asked, now_ms) {
            Room::Granted => {
                granted.push(now_ms);
                let window = granted.iter().rev().take_while(|at_ms| **at_ms > now_ms - window_ms);
                assert!(window.count() <= size as usize, "too many before {now_ms}");
                if made + 1 == requests {
                    played[run].done_ms = now_ms;
                } else {
                    due.insert((now_ms + between_ms, run, made + 1, placed));
                }
            }
            Room::Soon(wait) => {
                played[run].waits += 1;
                due.insert((now_ms + ms(wait), run, made, placed));
            }
            Room::Place(wait) => {
                played[run].places += 1;
                due.insert((now_ms + ms(wait), run, made, true));
            }
        }
    }
    played
}

fn ms(wait: Duration) -> i64 {
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}

fn last_ms(played: &[Played]) -> i64 {
    played.iter().map(|played| played.done_ms).max().unwrap_or_default()
}

const LIVE: Play = Play { lane: Lane::Work, requests: 3, between_ms: 60, sharing: None };
const BULK: Play = Play { lane: Lane::Bulk, ..LIVE };

#[test]
fn a_backlog_uses_the_whole_limit_and_each_run_comes_by_a_few_times() {
    let runs: Vec<_> = (0..1500).map(|run| (i64::from(run), LIVE)).collect();
    let played = play(100, &runs);
    // 4,500 requests at ten a second, the first hundred at once.
    let took_s = last_ms(&played) / 1000;
    assert!((430..=470).contains(&took_s), "{took_s} s");
    assert!(played.iter().all(|played| played.places <= 1));
    let waits: u32 = played.iter().map(|played| played.waits).sum();
    assert!(waits < 1500, "{waits}");
}

/// All workers stood still for half a minute, and all whose turn came meanwhile come at once.
#[test]
fn who_has_begun_finds_room_however_many_begin_at_once() {
    let mut line = Line::default();
    let mut due = std::collections::BTreeSet::new();
    for run in 0..1500 {
        let at_ms = match line.take(&asked(100, Lane::Work, new(3.0)), run) {
            Room::Granted => run + 60,
            Room::Place(wait) => run + ms(wait),
            Room::Soon(_) => panic!("neither a place nor room"),
        };
        let at_ms = if (60_000..90_000).contains(&at_ms) { 90_000 } else { at_ms };
        due.insert((at_ms, run, u32::from(at_ms == run + 60)));
    }
    let (mut passes, mut done_ms) = (0, 0);
    while let Some((now_ms, run, made)) = due.pop_first() {
        let placed = Standing::Placed { requests: 3.0 };
        let standing = if made == 0 { placed } else { Standing::UnderWay };
        match line.take(&asked(100, Lane::Work, standing), now_ms) {
            Room::Granted if made == 2 => done_ms = now_ms,
            Room::Granted => _ = due.insert((now_ms + 60, run, made + 1)),
            Room::Soon(wait) => {
                assert!(made == 0 || ms(wait) <= 500, "{run} waits for {wait:?} after {made}");
                due.insert((now_ms + ms(wait), run, made));
            }
            Room::Place(wait) => {
                assert_eq!(made, 0, "{run} is sent away");
                passes += 1;
                due.insert((now_ms + ms(wait), run, made));
            }
        }
    }
    // 4,500 requests at ten a second, and the time that was lost; a pass more or two for each.
    assert!((450_000..=500_000).contains(&done_ms), "{done_ms} ms");
    assert!(passes <= 3000, "{passes}");
}

#[test]
fn whoever_comes_first_is_done_first() {
    let runs: Vec<_> = (0..200).map(|run| (i64::from(run), LIVE)).collect();
    let played = play(100, &runs);
    for pair in played.windows(20) {
        assert!(pair[0].done_ms <= pair[19].done_ms + 1000, "{pair:?}");
    }
}

#[test]
fn one_a_second_is_one_a_second() {
    let one = Play { requests: 1, between_ms: 0, ..LIVE };
    let mut line = Line::default();
    let asked = |standing| Asked {
        sharing: None,
        size: Some(1),
        window_ms: 1000,
        lane: one.lane,
        standing,
        waited_ms: 0,
    };
    assert_eq!(line.take(&asked(new(1.0)), 50_000), Room::Granted);
    for place in 1..300 {
        let room = line.take(&asked(new(1.0)), 50_000);
        assert_eq!(room, Room::Place(Duration::from_secs(place)));
    }
    for place in 1..300_i64 {
        assert_eq!(
            line.take(&asked(Standing::Placed { requests: 1.0 }), 50_000 + place * 1000),
            Room::Granted
        );
    }
}

#[test]
fn what_the_other_side_asks_for_holds_everybody_back() {
    let mut line = Line::default();
    let asked = |lane, standing| Asked {
        sharing: None,
        size: None,
        window_ms: 1000,
        lane,
        standing,
        waited_ms: 0,
    };
    assert_eq!(line.take(&asked(Lane::Work, new(1.0)), 1000), Room::Granted);
    line.hold(30_000, 1000);
    // A shorter one does not end it.
    line.hold(10, 1000);
    let place = line.take(&asked(Lane::Work, new(1.0)), 1000);
    assert_eq!(place, Room::Place(Duration::from_secs(30)));
    let next = line.take(&asked(Lane::Work, new(1.0)), 1000);
    assert_eq!(next, Room::Place(Duration::from_millis(30_020)));
    let soon = line.take(&asked(Lane::Bulk, Standing::UnderWay), 11_000);
    assert_eq!(soon, Room::Soon(Duration::from_secs(20)));
    assert_eq!(
        line.take(&asked(Lane::Work, Standing::Placed { requests: 1.0 }), 31_000),
        Room::Granted
    );
}

/// Whose turn comes while everybody is held back do not come back all at once.
#[test]
fn those_who_find_no_room_come_back_one_after_the_other() {
    let mut line = Line::default();
    line.hold(60_000, 1000);
    let whose_turn_it_is = asked(100, Lane::Work, Standing::Placed { requests: 3.0 });
    let mut places: Vec<i64> = Vec::new();
    for _ in 0..300 {
        let Room::Place(wait) = line.take(&whose_turn_it_is, 1000) else { panic!("no place") };
        places.push(ms(wait));
    }
    assert_eq!((places[0], places[32], places[33]), (60_000, 60_000, 70_000));
    assert_eq!(places.last(), Some(&(60_000 + 9 * 10_000)));
    // And whoever is new comes behind them.
    let Room::Place(behind) = line.take(&asked(100, Lane::Work, new(3.0)), 1000) else {
        panic!("no place")
    };
    assert!(ms(behind) >= 150_000, "{behind:?}");
}

#[test]
fn what_is_over_is_forgotten() {
    let mut line = Line::default();
    let _ = line.take(&asked(1, Lane::Work, new(1.0)), 1000);
    let _ = line.take(&asked(1, Lane::Work, new(1.0)), 1000);
    // The second has a place ten seconds on.
    assert!(!line.is_over(WINDOW_MS, 110_999));
    assert!(line.is_over(WINDOW_MS, 111_000));
}

/// Whatever comes, a bounded state is read by each that asks.
#[test]
fn of_two_long_lines_so_many_places_are_swapped_and_no_more() {
    let ask = |line: &mut Line, sharing| {
        let standing = new(1.0);
        let asked =
            Asked { sharing: Some(sharing), window_ms: 1000, ..asked(1, Lane::Work, standing) };
        match line.take(&asked, 1000) {
            Room::Place(wait) => ms(wait),
            room => panic!("{room:?}"),
        }
    };
    let mut line = Line::default();
    let granted =
        Asked { sharing: Some("hubspot/1"), window_ms: 1000, ..asked(1, Lane::Work, new(1.0)) };
    assert_eq!(line.take(&granted, 1000), Room::Granted);
    for run in 1..1000 {
        assert_eq!(ask(&mut line, "hubspot/1"), run * 1000);
    }
    let waits: Vec<i64> = (0..400).map(|_| ask(&mut line, "hubspot/2")).collect();
    let most = MOST_SWAPS;
    assert!(waits[..most].iter().zip(1..).all(|(wait, run)| *wait == run * 2000), "{waits:?}");
    // The rest come at the end, and none at the time of another.
    assert!(
        waits[most..].iter().zip(1000 + 256..).all(|(wait, run)| *wait == run * 1000),
        "{waits:?}"
    );
}

/// A message a second to a channel that portals share.
#[test]
fn one_origins_backlog_is_not_anothers() {
    let of = |sharing| Play { requests: 1, sharing: Some(sharing), ..LIVE };
    let mut runs: Vec<_> = (0..300).map(|run| (run, of("hubspot/1"))).collect();
    runs.extend((0..20).map(|run| (5_000 + run, of("hubspot/2"))));
    runs.extend((0..5).map(|run| (90_000 + run, of("hubspot/3"))));
    let played = play_in(1000, 1, &runs);
    let (first, others) = played.split_at(300);
    let (second, third) = others.split_at(20);
    // In turns with the long line, and not three hundred seconds later.
    let second_s = (last_ms(second) - 5_000) / 1000;
    assert!((35..=45).contains(&second_s), "{second_s} s");
    let third_s = (last_ms(third) - 90_000) / 1000;
    assert!((8..=14).contains(&third_s), "{third_s} s");
    // Nothing is lost of the limit, and few come by once more.
    assert!(last_ms(first) <= 330_000, "{}", last_ms(first));
    let passes: u32 = played.iter().map(|played| played.places).sum();
    assert!(passes <= 325 + 50, "{passes}");
    assert!(played.iter().all(|played| played.waits <= 3), "{played:?}");
}

mod shares;
