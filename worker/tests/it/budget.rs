//! A portal's budget of requests, shared by all workers.

use std::time::Duration;

use deadpool_redis::redis::cmd;
use futures_util::future::join_all;
use shared::metrics::registry;
use shared::testing::{prefix, redis_url};
use worker::ledger::{Budget, Ledger, LedgerOptions};
use worker::metrics::WorkerMetrics;

use crate::harness::Entries;

const PORTAL: u64 = 62_515;
const WINDOW: Duration = Duration::from_secs(10);

fn ledger(prefix: &str) -> Ledger {
    let options = LedgerOptions {
        url: redis_url().into(),
        prefix: prefix.to_owned(),
        lease: WINDOW,
        retention: WINDOW,
    };
    Ledger::start(options, WorkerMetrics::register(&mut registry(), false)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_requests_a_hundred_fit_into_a_hundred() {
    let prefix = prefix();
    let ledgers = [ledger(&prefix), ledger(&prefix)];
    let answers = join_all((0..200).map(|call| ledgers[call % 2].budget(PORTAL, 100))).await;
    let granted = answers.iter().filter(|answer| **answer == Budget::Granted).count();
    assert_eq!(granted, 100);
    for answer in answers {
        if let Budget::Spent(wait) = answer {
            assert!(wait <= WINDOW && !wait.is_zero(), "{wait:?}");
        }
    }
    assert_eq!(ledgers[0].budget(PORTAL + 1, 100).await, Budget::Granted, "another portal");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_slides_and_never_lets_a_double_burst_through() {
    let prefix = prefix();
    let ledger = ledger(&prefix);
    for _ in 0..4 {
        assert_eq!(ledger.budget(PORTAL, 4).await, Budget::Granted);
    }
    // As if two of them had been 9 s ago, and then 10 s: only their room is there again.
    let mut redis = Entries::open(&redis_url(), &prefix).await.redis;
    let key = format!("{prefix}:budget:{{{PORTAL}}}");
    let members: Vec<String> =
        cmd("ZRANGE").arg(&key).arg(0).arg(1).query_async(&mut redis).await.unwrap();
    for (age_ms, room) in [(-9_000, 0), (-1_000, 2)] {
        for member in &members {
            cmd("ZINCRBY")
                .arg(&key)
                .arg(age_ms)
                .arg(member)
                .query_async::<()>(&mut redis)
                .await
                .unwrap();
        }
        for _ in 0..room {
            assert_eq!(ledger.budget(PORTAL, 4).await, Budget::Granted);
        }
        let Budget::Spent(wait) = ledger.budget(PORTAL, 4).await else {
            panic!("more than four within ten seconds");
        };
        let most = if room == 0 { Duration::from_secs(1) } else { WINDOW };
        assert!(wait <= most && !wait.is_zero(), "{wait:?}");
    }
}
