//! Limits and gates as a ledger keeps them, for all who share it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use shared::broker::Lane;
use worker::parts::ledger::Ledger;
use worker::parts::limits::{
    Asker, BreakerState, Caller, Ended, Limit, Passage, Room, Standing, Way,
};

use super::case::{Case, LONG};
use super::case_on;
use crate::harness::{Engine, on_every_engine, within};

const WINDOW: Duration = Duration::from_secs(10);

/// A portal's requests.
pub(super) fn of_portal(size: u32) -> Limit {
    Limit::of(size, WINDOW, "hubspot/62515")
}

async fn of_two_hundred_requests_a_hundred_fit_into_a_hundred(engine: Engine) {
    let case = case_on(engine).await;
    let ledgers = case.sharing();
    let (limit, under_way) = (of_portal(100), Standing::UnderWay);
    let ask = |call: usize| {
        ledgers[call % ledgers.len()].take(&limit, Asker::fresh(Lane::Work, under_way))
    };
    let answers = join_all((0..200).map(ask)).await;
    let granted = answers.iter().filter(|answer| **answer == Room::Granted).count();
    assert_eq!(granted, 100);
    for answer in answers {
        if let Room::Soon(wait) = answer {
            assert!(wait <= WINDOW && !wait.is_zero(), "{wait:?}");
        }
    }
    let other = Limit::of(100, WINDOW, "hubspot/1");
    assert_eq!(ledgers[0].take(&other, Asker::fresh(Lane::Work, under_way)).await, Room::Granted);
    let bulk = ledgers[0].take(&limit, Asker::fresh(Lane::Bulk, under_way)).await;
    assert!(matches!(bulk, Room::Soon(_)), "{bulk:?}");
}

/// All workers have one line: places are as far apart as the limit takes, whoever asks.
async fn what_finds_no_room_gets_a_place_in_line(engine: Engine) {
    let case = case_on(engine).await;
    let ledgers = case.sharing();
    let limit = Limit::of(10, WINDOW, "hubspot/62515");
    let new = Standing::New { requests: 2.5 };
    let (begun, mut places) = (Instant::now(), Vec::new());
    for call in 0..20 {
        match ledgers[call % ledgers.len()].take(&limit, Asker::fresh(Lane::Work, new)).await {
            Room::Granted => assert!(places.is_empty(), "{places:?}"),
            Room::Place(wait) => places.push(wait.as_secs_f64()),
            Room::Soon(wait) => panic!("whoever is new waits {wait:?} for nothing"),
        }
    }
    // Four runs fit into a window: four come now, four in ten seconds, and so on.
    assert_eq!(places.len(), 16, "{places:?}");
    let took = begun.elapsed().as_secs_f64();
    for (place, wait) in places.iter().enumerate() {
        let window = f64::from(u32::try_from(place / 4).unwrap() + 1);
        let (least, most) = (window * 10.0 - 3.0 - took, window * 10.0);
        assert!((least..=most).contains(wait), "{place}: {wait}");
    }
    // Who has begun finds the room for all of its requests.
    for call in 0..6 {
        let under_way = Asker::fresh(Lane::Work, Standing::UnderWay);
        assert_eq!(ledgers[call % ledgers.len()].take(&limit, under_way).await, Room::Granted);
    }
}

async fn whose_turn_it_is_does_not_queue_again_and_leaves_room_to_those_who_have_begun(
    engine: Engine,
) {
    let case = case_on(engine).await;
    let ledgers = case.sharing();
    let limit = Limit::of(100, WINDOW, "hubspot/62515");
    let (first, last) = (&ledgers[0], &ledgers[ledgers.len() - 1]);
    let asker = |standing| Asker::fresh(Lane::Work, standing);
    let new = asker(Standing::New { requests: 95.0 });
    assert_eq!(first.take(&limit, new).await, Room::Granted);
    assert!(matches!(last.take(&limit, new).await, Room::Place(_)));
    // 99 more would fit into the window, and 94 of them are somebody's.
    let placed = |requests| asker(Standing::Placed { requests });
    assert!(matches!(last.take(&limit, placed(30.0)).await, Room::Place(_)));
    assert_eq!(first.take(&limit, placed(5.0)).await, Room::Granted);
    for _ in 0..98 {
        assert_eq!(last.take(&limit, asker(Standing::UnderWay)).await, Room::Granted);
    }
    assert!(matches!(first.take(&limit, asker(Standing::UnderWay)).await, Room::Soon(_)));
}

async fn who_is_left_alone_is_asked_by_nobody(engine: Engine) {
    let case = case_on(engine).await;
    let ledgers = case.sharing();
    let limit = Limit::none("erp");
    assert_eq!(
        ledgers[0].take(&limit, Asker::fresh(Lane::Work, Standing::UnderWay)).await,
        Room::Granted
    );
    ledgers[0].hold(&limit, Duration::from_secs(60)).await;
    let last = ledgers.last().unwrap();
    let Room::Soon(wait) = last.take(&limit, Asker::fresh(Lane::Work, Standing::UnderWay)).await
    else {
        panic!("asked although it is to be left alone");
    };
    assert!(wait > Duration::from_secs(30) && wait <= Duration::from_secs(60), "{wait:?}");
    let Room::Place(first) =
        last.take(&limit, Asker::fresh(Lane::Work, Standing::New { requests: 1.0 })).await
    else {
        panic!("no place");
    };
    let Room::Place(next) =
        last.take(&limit, Asker::fresh(Lane::Bulk, Standing::New { requests: 1.0 })).await
    else {
        panic!("no place");
    };
    assert!(first <= Duration::from_secs(60) && next <= Duration::from_secs(60));
}

pub(super) const CALLER: Caller<'_> =
    Caller { origin: "hubspot/62515", lane: Lane::Work, is_placed: true, waited: Duration::ZERO };

pub(super) async fn entered(ledger: &Ledger, way: &Way) -> i64 {
    match ledger.enter(way, CALLER, false).await {
        Passage::Open { slot_ms, .. } => slot_ms,
        shut => panic!("not let through: {shut:?}"),
    }
}

/// Nobody says that their calls have ended: as if their worker had been killed.
async fn slots_of_who_is_no_more_come_back(engine: Engine) {
    let case = case_on(engine).await;
    let ledgers = case.sharing();
    let way = Way { key: "erp".to_owned(), cap: 2, lease: Duration::from_secs(2) };
    for _ in 0..2 {
        entered(&ledgers[0], &way).await;
    }
    let last = ledgers.last().unwrap();
    assert!(matches!(last.enter(&way, CALLER, false).await, Passage::Full(1..)));
    // Each comes back for itself, and these stay.
    let way = Way { lease: LONG, ..way };
    for _ in 0..2 {
        let free = async {
            while let Passage::Full(_) = last.enter(&way, CALLER, false).await {
                tokio::task::yield_now().await;
            }
        };
        within("a slot to come back", free).await;
    }
    assert!(matches!(last.enter(&way, CALLER, false).await, Passage::Full(_)));
}

/// What one worker's calls find out holds for all.
async fn a_service_that_is_down_is_called_by_nobody(engine: Engine) {
    let case = case_on(engine).await;
    let ledgers = case.sharing();
    let way = Way { key: "erp".to_owned(), cap: 100, lease: LONG };
    let mut slots = Vec::new();
    for call in 0..10 {
        slots.push(entered(&ledgers[call % ledgers.len()], &way).await);
    }
    for (call, slot_ms) in slots.into_iter().enumerate() {
        let ledger = &ledgers[call % ledgers.len()];
        assert_eq!(ledger.leave(&way, CALLER, slot_ms, Ended::Failed).await, None);
    }
    for ledger in &ledgers {
        for is_asking in [true, false] {
            let passage = ledger.enter(&way, CALLER, is_asking).await;
            let Passage::Shut(wait_ms) = passage else { panic!("{passage:?}") };
            assert!((1..=8000).contains(&wait_ms), "{wait_ms}");
        }
    }
    let other = Way { key: "slack".to_owned(), ..way };
    entered(&ledgers[0], &other).await;
}

/// Its own network may be what is broken. On a data file there is one worker.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_fails_alone_is_shut_out_alone() {
    let case = Case::on_redis().await;
    let ledgers = case.sharing();
    let (broken, sound) = (&ledgers[0], &ledgers[1]);
    let way = Way { key: "erp".to_owned(), cap: 100, lease: LONG };
    let slot_ms = entered(sound, &way).await;
    assert_eq!(sound.leave(&way, CALLER, slot_ms, Ended::Passed).await, None);
    for _ in 0..10 {
        let slot_ms = entered(broken, &way).await;
        assert_eq!(broken.leave(&way, CALLER, slot_ms, Ended::Failed).await, None);
    }
    for is_asking in [true, false] {
        let passage = broken.enter(&way, CALLER, is_asking).await;
        assert!(matches!(passage, Passage::Shut(1..=8_000)), "{passage:?}");
    }
    // Each sees it as it is for itself.
    let breaker = async |ledger: &Ledger| {
        let seen = ledger.limits().await;
        seen.into_iter().find(|seen| seen.limit == "erp").unwrap().breaker
    };
    assert_eq!(breaker(broken).await, Some(BreakerState::Open));
    assert_eq!(breaker(sound).await, Some(BreakerState::Closed));
    // Once the other finds the same nobody calls.
    let slot_ms = entered(sound, &way).await;
    assert_eq!(sound.leave(&way, CALLER, slot_ms, Ended::Failed).await, None);
    for ledger in &ledgers {
        let passage = ledger.enter(&way, CALLER, false).await;
        assert!(matches!(passage, Passage::Shut(1..)), "{passage:?}");
    }
    assert_eq!(breaker(sound).await, Some(BreakerState::Open));
}

on_every_engine! {
    of_two_hundred_requests_a_hundred_fit_into_a_hundred
    what_finds_no_room_gets_a_place_in_line
    whose_turn_it_is_does_not_queue_again_and_leaves_room_to_those_who_have_begun
    who_is_left_alone_is_asked_by_nobody
    slots_of_who_is_no_more_come_back
    a_service_that_is_down_is_called_by_nobody
}
