//! What a run is told at a limit, on the ledger of one process.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::PathBuf;

use prometheus_client::registry::Registry;
use shared::store::Store;
use shared::testing::prefix;

use super::*;
use crate::metrics::WorkerMetrics;

const MINUTE: Duration = Duration::from_secs(60);

/// One in a directory, which its test removes.
async fn ledger() -> (PathBuf, Ledger) {
    let directory = std::env::temp_dir().join(prefix());
    let store = Arc::new(Store::open(&directory).await.unwrap());
    let metrics = WorkerMetrics::register(&mut Registry::default(), false);
    (directory, Ledger::embedded(store, MINUTE, MINUTE, metrics))
}

/// A run that asks for several things at once has one place, not one for each.
#[tokio::test]
async fn what_is_asked_beside_takes_no_second_place() {
    let (directory, ledger) = ledger().await;
    let limit = Limit::of(1, MINUTE, "hubspot/1");
    let rooms = || {
        let (costs, seats) = (Arc::default(), Arc::new(Seats::of_runs(8, MINUTE)));
        let origin = "hubspot/1".to_owned();
        Rooms::new(Lane::Work, "on_deal_closed", MINUTE, None, costs, seats, origin)
    };
    rooms().take(&ledger, &limit, 1.0).await.unwrap();
    let run = rooms();
    let ask = || run.take(&ledger, &limit, 1.0);
    let (one, other, third) = tokio::join!(ask(), ask(), ask());
    assert!(one.is_err() && one == other && other == third, "{one:?} {other:?} {third:?}");
    assert_eq!(run.places(true), ["hubspot/1"]);
    // The next run's place is the second behind the first, not the fourth.
    let NoRoom(next) = rooms().take(&ledger, &limit, 1.0).await.unwrap_err();
    assert!(next > MINUTE && next <= 2 * MINUTE, "{next:?}");
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn what_was_asked_before_there_was_no_more_room_was_asked_in_vain() {
    let (directory, ledger) = ledger().await;
    let limit = Limit::of(2, MINUTE, "hubspot/1");
    let costs = Arc::new(Costs::default());
    let rooms = || {
        let seats = Arc::new(Seats::of_runs(8, MINUTE));
        let origin = "hubspot/1".to_owned();
        let costs = Arc::clone(&costs);
        Rooms::new(Lane::Work, "on_deal_closed", MINUTE, None, costs, seats, origin)
    };
    let learnt = || costs.usual("on_deal_closed", &limit, 0.0);
    let begun = rooms();
    begun.take(&ledger, &limit, 2.0).await.unwrap();
    begun.take(&ledger, &limit, 2.0).await.unwrap();
    begun.take(&ledger, &limit, 2.0).await.unwrap_err();
    begun.learn();
    costs.learn("on_deal_closed", "hubspot/1", 3);
    assert!((learnt() - 5.0).abs() < 0.01, "three, after two in vain: {}", learnt());
    // A request that the other side has refused will be made again.
    let refused = rooms();
    refused.take(&ledger, &Limit::of(2, MINUTE, "hubspot/2"), 2.0).await.unwrap();
    refused.lacks("hubspot/2", NoRoom(MINUTE));
    refused.learn();
    assert!((learnt() - 5.0).abs() < 0.01, "{}", learnt());
    // Who has not begun tells nothing of it.
    let new = rooms();
    new.take(&ledger, &limit, 2.0).await.unwrap_err();
    new.learn();
    assert!((learnt() - 5.0).abs() < 0.01, "{}", learnt());
    std::fs::remove_dir_all(&directory).unwrap();
}
