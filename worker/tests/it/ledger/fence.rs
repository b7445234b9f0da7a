//! The fences of claims: of one that comes late, and where a number is ahead of the time.

use std::time::{Duration, Instant};

use deadpool_redis::redis::AsyncTypedCommands as _;
use shared::clock::now_ms;
use shared::testing::{Proxy, redis_url};

use super::case::{Case, LONG, started};
use crate::harness::within;

/// Longer than the fence is good for that a first claim takes along.
pub(super) const LATE: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_waited_while_another_was_made_and_lost_has_the_larger_fence() {
    let case = Case::on_redis().await;
    let proxy = Proxy::start(&Proxy::server_of(&redis_url())).await;
    proxy.cut();
    let (late, ledger) = (case.ledger_at(&proxy.url(&redis_url())), case.ledger(LONG));
    let entry = case.entry();
    let mut waiting = std::pin::pin!(late.claim(&entry, 0));
    let made_and_lost = async {
        let begun = Instant::now();
        while begun.elapsed() < LATE {
            tokio::task::yield_now().await;
        }
        let first = case.start(&ledger, 0).await;
        case.lose().await;
        first
    };
    let first = tokio::select! {
        biased;
        claim = &mut waiting => panic!("{claim:?} without Redis"),
        first = made_and_lost => first,
    };
    proxy.restore();
    let second = started(within("the claim", waiting).await);
    assert!(second.fence > first.fence, "{} after {}", second.fence, first.fence);
    assert_eq!(case.parts().await["f"], second.fence.to_string());
    assert!(!ledger.extend(&first).await, "it has been lost");
    assert!(late.complete(&second).await);
}

/// What tells whether Redis forgets only grows: kept when a clock was ahead, it stays ahead for long.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_ahead_of_redis_clock_moves_no_fence() {
    let case = Case::on_redis().await;
    let entries = case.entries();
    let ahead = now_ms() + 24 * 3_600_000;
    let kept = entries.name("memory:{all}");
    entries.redis.clone().set_ex(&kept, ahead.to_string(), 60).await.unwrap();
    let ledger = case.ledger(LONG);
    case.looked_at().await;
    let plain = entries.redis.clone().get(format!("{kept}:plain")).await.unwrap();
    assert_eq!(plain, Some((ahead + 1).to_string()), "each is larger than all before it");
    let lease = case.start(&ledger, 0).await;
    // Clocks of one machine.
    let off_ms = lease.fence.abs_diff(u64::try_from(now_ms()).unwrap());
    assert!(off_ms < 60_000, "{off_ms}");
}
