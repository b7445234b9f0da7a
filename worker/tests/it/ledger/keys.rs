//! What a ledger leaves on Redis.

use std::time::Duration;

use shared::broker::Lane;
use worker::parts::ledger::{EntryKey, Release};
use worker::parts::limits::{Asker, Ended, Limit, Standing, Way};

use super::case::{Case, LONG, started};
use super::limits::{CALLER, entered, of_portal};
use crate::harness::within;

#[tokio::test(flavor = "multi_thread")]
async fn every_key_has_its_end() {
    let case = Case::on_redis().await;
    let ledger = case.ledger(LONG);
    for generation in 0..4 {
        let entry = EntryKey { generation, ..case.entry() };
        let lease = started(ledger.claim(&entry, 0).await);
        match generation {
            0 => assert!(ledger.complete(&lease).await),
            1 => assert!(ledger.release(&lease, Release::Same).await),
            2 => assert!(ledger.release(&lease, Release::Next(1)).await),
            _ => assert!(ledger.remember(&lease, "order", "42").await),
        }
    }
    ledger.take(&of_portal(1), Asker::fresh(Lane::Work, Standing::UnderWay)).await;
    ledger.hold(&of_portal(1), Duration::from_secs(1)).await;
    let shared = Limit::of(1, Duration::from_secs(10), "slack").shared();
    ledger.take(&shared, Asker::fresh(Lane::Work, Standing::New { requests: 1.0 })).await;
    let way = Way { key: "erp".to_owned(), cap: 2, lease: LONG };
    let slot_ms = entered(&ledger, &way).await;
    ledger.leave(&way, CALLER, slot_ms, Ended::Passed).await;
    let entries = case.entries();
    // What tells whether Redis forgets is written beside all this, the plain number last.
    let keys = within("both numbers", async {
        loop {
            let keys = entries.keys().await;
            if keys.iter().any(|(key, _)| key.ends_with(":memory:{all}:plain")) {
                break keys;
            }
        }
    })
    .await;
    // Four entries, one with steps, two limits, one with the lines of origins, a service with the calls of
    // each worker, the sign of life, and the two numbers.
    assert_eq!(keys.len(), 13, "{keys:?}");
    for (key, left) in keys {
        let most = if key.contains(":limit:") {
            // Ten windows after its last place.
            101_000
        } else if key.contains(":memory:") {
            // Two days: they outlive whoever looks.
            2 * 24 * 3_600_000
        } else {
            60_000
        };
        assert!(left.is_some_and(|left| left <= most), "{key}: {left:?}");
    }
}
