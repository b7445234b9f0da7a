//! What a run is told at a limit, on the ledger of one process.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::PathBuf;

use prometheus_client::registry::Registry;
use shared::store::Store;
use shared::testing::prefix;

use super::*;
use crate::limits::{Ended, Seen};
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
    let other = Limit::of(2, MINUTE, "hubspot/2");
    refused.take(&ledger, &other, 2.0).await.unwrap();
    ledger.hold(&other, MINUTE).await;
    refused.back_in_line(&ledger, &other, MINUTE).await;
    refused.learn();
    assert!((learnt() - 5.0).abs() < 0.01, "{}", learnt());
    // Who has not begun tells nothing of it.
    let new = rooms();
    new.take(&ledger, &limit, 2.0).await.unwrap_err();
    new.learn();
    assert!((learnt() - 5.0).abs() < 0.01, "{}", learnt());
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn who_comes_where_others_were_turned_away_asks_before_anything_else() {
    let (directory, ledger) = ledger().await;
    let (ledger, seats) = (Arc::new(ledger), Arc::new(Seats::of_runs(8, MINUTE)));
    let rooms = || {
        let (costs, seats) = (Arc::default(), Arc::clone(&seats));
        Rooms::new(Lane::Work, "all", MINUTE, None, costs, seats, "hubspot/1".to_owned())
    };
    let look = async |rooms: &Rooms| rooms.look(&ledger, "destination/crm", None).await;
    look(&rooms()).await.unwrap();
    assert_eq!(ledger.limits().await, [], "nobody has been turned away");
    let turned = loop {
        match rooms().enter(&ledger, "destination/crm", None).await {
            Ok(entered) => drop(entered.ended(Ended::Failed).await),
            Err(turned) => break turned,
        }
    };
    assert!(matches!(turned, Turned::Shut(_)), "{turned:?}");
    let run = rooms();
    look(&run).await.unwrap_err();
    assert_eq!(run.places(true), ["@destination/crm", "!destination/crm"]);
    // Two wait: the one that was turned away, and the one that has looked.
    let seen = ledger.limits().await;
    assert_eq!(seen.iter().map(Seen::waiting).collect::<Vec<_>>(), [2], "{seen:?}");
    rooms().look(&ledger, "destination/erp", None).await.unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn who_was_sent_away_by_the_other_side_waits_with_the_others() {
    let (directory, ledger) = ledger().await;
    let limit = Limit { window: MINUTE, ..Limit::none("destination/crm") };
    let rooms = || {
        let (costs, seats) = (Arc::default(), Arc::new(Seats::of_runs(8, MINUTE)));
        Rooms::new(Lane::Work, "all", MINUTE, None, costs, seats, "hubspot/1".to_owned())
    };
    let (one, other) = (rooms(), rooms());
    one.take(&ledger, &limit, 1.0).await.unwrap();
    other.take(&ledger, &limit, 1.0).await.unwrap();
    ledger.hold(&limit, MINUTE).await;
    let waits = [
        one.back_in_line(&ledger, &limit, MINUTE).await,
        other.back_in_line(&ledger, &limit, MINUTE).await,
    ];
    assert!(waits[0] >= MINUTE && waits[0] < waits[1] && waits[1] < 2 * MINUTE, "{waits:?}");
    assert_eq!(other.back_in_line(&ledger, &limit, MINUTE).await, waits[1], "a second place");
    let seen = ledger.limits().await;
    assert_eq!(seen.iter().map(Seen::waiting).collect::<Vec<_>>(), [2], "{seen:?}");
    assert_eq!(one.places(true), ["destination/crm"]);
    std::fs::remove_dir_all(&directory).unwrap();
}
