//! The fence of a claim that comes late.

use std::time::{Duration, Instant};

use shared::testing::{Proxy, redis_url};

use super::case::{Case, LONG, started};
use crate::harness::within;

/// Longer than the fence is good for that a first claim takes along.
const LATE: Duration = Duration::from_millis(300);

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
