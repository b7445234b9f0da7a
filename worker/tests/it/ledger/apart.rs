//! What a claim leaves alone: an event that has to wait for its turn is nobody's meanwhile.

use worker::parts::ledger::{Claim, Ledger, Release};

use super::case::{Case, LONG, started};
use super::{SHORT, case_on, refused};
use crate::harness::{Engine, on_every_engine, within};

/// As workers claim before they wait for a turn.
const APART: &[u32] = &[2, 3];

/// Claims so until the lease that stands has run out.
async fn claimed(case: &Case, ledger: &Ledger, attempt: u32) -> Claim {
    let claiming = async {
        loop {
            match ledger.claim_unless(&case.entry(), attempt, APART).await {
                Claim::Held(_) => tokio::task::yield_now().await,
                claim => return claim,
            }
        }
    };
    within("a lease to run out", claiming).await
}

async fn who_waits_for_its_turn_is_not_counted_when_its_worker_dies_meanwhile(engine: Engine) {
    let case = case_on(engine).await;
    let (hasty, ledger) = (case.ledger(SHORT), case.ledger(LONG));
    case.start(&hasty, 0).await;
    let second = case.take_over(&hasty, 0).await;
    assert!(hasty.remember(&second, "order", "42").await);
    // Whoever is told so may die, and the next one too: nothing is left of them.
    for _ in 0..3 {
        let claim = claimed(&case, &hasty, 0).await;
        assert!(matches!(claim, Claim::Apart(2)), "{claim:?}");
    }
    let (parts, fence) = (case.parts().await, second.fence.to_string());
    let found = ["s", "f", "a", "step:order"].map(|part| parts[part].as_str());
    assert_eq!(found, ["R", &fence, "2", "42"]);
    refused(&hasty, &second).await;

    // Its turn has come.
    let owner = started(ledger.claim_unless(&case.entry(), 0, &[3]).await);
    assert_eq!((owner.abandoned, owner.step("order").as_deref()), (2, Some("42")));
    assert!(owner.fence > second.fence, "{} after {}", owner.fence, second.fence);
    let other = ledger.claim_unless(&case.entry(), 0, APART).await;
    assert!(matches!(other, Claim::Held(_)), "{other:?}");
    assert!(ledger.complete(&owner).await);
    let late = ledger.claim_unless(&case.entry(), 0, APART).await;
    assert!(matches!(late, Claim::Completed), "{late:?}");
}

async fn a_later_attempt_that_waits_for_its_turn_makes_earlier_ones_stale(engine: Engine) {
    let case = case_on(engine).await;
    let (hasty, ledger) = (case.ledger(SHORT), case.ledger(LONG));
    case.start(&hasty, 0).await;
    case.take_over(&hasty, 0).await;
    let claim = claimed(&case, &ledger, 1).await;
    assert!(matches!(claim, Claim::Apart(2)), "{claim:?}");
    let earlier = ledger.claim_unless(&case.entry(), 0, APART).await;
    assert!(matches!(earlier, Claim::Stale), "{earlier:?}");
    assert_eq!(case.start(&ledger, 1).await.abandoned, 2);
}

/// Its dead letter is written under a lease.
async fn who_runs_no_more_is_claimed(engine: Engine) {
    let case = case_on(engine).await;
    let (hasty, ledger) = (case.ledger(SHORT), case.ledger(LONG));
    case.start(&hasty, 0).await;
    for abandoned in 1..=3 {
        assert_eq!(case.take_over(&hasty, 0).await.abandoned, abandoned);
    }
    let convicted = started(claimed(&case, &ledger, 0).await);
    assert_eq!(convicted.abandoned, 4);
    assert!(ledger.release(&convicted, Release::Next(1)).await);
}

async fn who_was_put_off_is_counted_as_its_release_says(engine: Engine) {
    let case = case_on(engine).await;
    let (hasty, ledger) = (case.ledger(SHORT), case.ledger(LONG));
    case.start(&hasty, 0).await;
    case.take_over(&hasty, 0).await;
    case.take_over(&hasty, 0).await;
    let accused = case.take_over(&ledger, 0).await;
    assert_eq!(accused.abandoned, 3);
    assert!(ledger.remember(&accused, "order", "42").await);
    assert!(ledger.release(&accused, Release::PutOff(102)).await);
    assert!(ledger.release(&accused, Release::PutOff(102)).await, "told twice, done once");
    let suspect = started(ledger.claim_unless(&case.entry(), 0, APART).await);
    assert_eq!((suspect.abandoned, suspect.step("order").as_deref()), (102, Some("42")));
    assert!(ledger.release(&suspect, Release::PutOff(102)).await);
    assert_eq!(case.start(&hasty, 0).await.abandoned, 102);
    let accused = case.take_over(&ledger, 0).await;
    assert_eq!(accused.abandoned, 103, "one more has died");
    // What Redis loses comes back with it.
    case.lose().await;
    assert!(ledger.extend(&accused).await);
    assert_eq!(case.parts().await["a"], "103");
    assert!(ledger.release(&accused, Release::Next(1)).await);
    assert_eq!(case.start(&ledger, 1).await.abandoned, 0, "it came to an end");
}

on_every_engine! {
    who_waits_for_its_turn_is_not_counted_when_its_worker_dies_meanwhile
    a_later_attempt_that_waits_for_its_turn_makes_earlier_ones_stale
    who_runs_no_more_is_claimed
    who_was_put_off_is_counted_as_its_release_says
}
