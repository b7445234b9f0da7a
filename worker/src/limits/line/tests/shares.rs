//! What each gets: large runs among small ones, live beside bulk, and bulk its turn.

use super::*;

#[test]
fn live_runs_go_before_bulk() {
    let alone = play(100, &(0..5).map(|run| (20_000 + run, LIVE)).collect::<Vec<_>>());
    let mut runs: Vec<_> = (0..250).map(|run| (i64::from(run), BULK)).collect();
    runs.extend((0..5).map(|run| (20_000 + run, LIVE)));
    let played = play(100, &runs);
    let (alone_ms, beside_ms) = (last_ms(&alone) - 20_000, last_ms(&played[250..]) - 20_000);
    assert!(beside_ms <= alone_ms * 2, "{beside_ms} ms, alone {alone_ms} ms");
    // Bulk got all the while what was left.
    let took_s = last_ms(&played[..250]) / 1000;
    assert!((95..=125).contains(&took_s), "{took_s} s");
}

#[test]
fn bulk_is_not_starved() {
    let mut runs: Vec<_> = (0..2000).map(|run| (i64::from(run), LIVE)).collect();
    runs.extend((0..20).map(|run| (5000 + run, BULK)));
    let played = play(100, &runs);
    let (bulk_s, live_s) = (last_ms(&played[2000..]) / 1000, last_ms(&played[..2000]) / 1000);
    assert!(bulk_s < live_s / 3, "{bulk_s} of {live_s} s");
    assert!(live_s < 700, "{live_s} s");
}

/// Runs of `many` requests come live, so many that they never have enough.
fn too_many_live(many: u32, size: u32) -> Vec<(i64, Play)> {
    let play = Play { requests: many, ..LIVE };
    let every_ms = WINDOW_MS * i64::from(many) / i64::from(size) * 4 / 5;
    (0..400_000 / every_ms.max(1)).map(|run| (run * every_ms, play)).collect()
}

#[test]
fn who_needs_more_than_the_others_has_a_turn_too() {
    // What a few bulk runs make, of which limit, among what live ones make.
    for (requests, size, live) in [(20, 100, 3), (14, 100, 3), (3, 10, 1)] {
        let mut runs = too_many_live(live, size);
        let first = runs.len();
        let bulk = Play { requests, ..BULK };
        runs.extend((0..5).map(|run| (50_000 + run, bulk)));
        let played = play(size, &runs);
        let done_ms = last_ms(&played[first..]);
        assert!(done_ms < 350_000, "{requests} of {size}: {done_ms} ms, {:?}", &played[first..]);
        assert!(played[first..].iter().all(|played| played.places <= 20), "{:?}", &played[first..]);
    }
}

#[test]
fn a_large_live_run_is_not_kept_out_by_bulk() {
    let mut runs: Vec<_> = (0..2000).map(|run| (i64::from(run), BULK)).collect();
    let large = Play { requests: 60, between_ms: 10, ..LIVE };
    runs.extend((0..10).map(|run| (100_000 + run * 20_000, large)));
    let played = play(100, &runs);
    for (run, played) in played[2000..].iter().enumerate() {
        let took_ms = played.done_ms - 100_000 - i64::try_from(run).unwrap_or_default() * 20_000;
        assert!(took_ms < 60_000, "{run}: {took_ms} ms");
    }
}

/// All workers have stood still, and bulk that was due meanwhile comes back later.
#[test]
fn live_runs_do_not_come_behind_bulk_that_comes_back() {
    let mut line = Line::default();
    for _ in 0..100 {
        let begun = asked(100, Lane::Work, Standing::Placed { requests: 1.0 });
        assert_eq!(line.take(&begun, 1_000), Room::Granted);
    }
    for _ in 0..500 {
        let back = asked(100, Lane::Bulk, Standing::Placed { requests: 3.0 });
        assert!(matches!(line.take(&back, 2_000), Room::Place(_)));
    }
    assert_eq!(line.take(&asked(100, Lane::Work, new(3.0)), 11_500), Room::Granted);
    let Room::Place(wait) = line.take(&asked(100, Lane::Bulk, new(3.0)), 11_500) else {
        panic!("bulk does not queue behind bulk")
    };
    assert!(ms(wait) > 60_000, "{wait:?}");
}

/// A mean may be wrong, and a run may die after its first request.
#[test]
fn a_run_that_is_thought_to_need_whole_windows_shuts_nobody_out_for_longer_than_one() {
    let mut line = Line::default();
    assert_eq!(line.take(&asked(100, Lane::Work, new(2000.0)), 1_000), Room::Granted);
    let placed = asked(100, Lane::Work, Standing::Placed { requests: 1.0 });
    assert!(!matches!(line.take(&placed, 2_000), Room::Granted));
    assert_eq!(line.take(&placed, 1_000 + WINDOW_MS), Room::Granted);
}

/// Ten requests in a hundred are bulk's whatever comes live, and no more than these.
#[test]
fn what_begins_in_bulks_turn_is_in_its_share_with_all_of_its_requests() {
    let mut line = Line::default();
    let of = |lane| asked(100, lane, Standing::Placed { requests: 5.0 });
    let mut begun = 0;
    // Bulk is granted seven of ten, unless live waits.
    line.work_waits_ms = 60_000;
    while line.take(&of(Lane::Bulk), 1_000) == Room::Granted {
        begun += 1;
    }
    assert_eq!(begun, 2, "of five each");
}
