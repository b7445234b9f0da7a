//! What every ledger must keep to, told straight through its calls: the same cases on every
//! engine.

use std::time::Duration;

use futures_util::future::join_all;
use worker::parts::ledger::{Claim, EntryKey, Lease, Ledger, Release};

use crate::harness::{Engine, on_every_engine, within};

mod apart;
mod case;
mod fence;
mod keys;
mod limits;
mod redis;

use case::{Case, LONG, started};

/// A lease that tests wait out.
const SHORT: Duration = Duration::from_millis(30);

/// A fresh entry on `engine`.
async fn case_on(engine: Engine) -> Case {
    match engine {
        Engine::Cluster => Case::on_redis().await,
        Engine::Embedded => Case::on_sqlite().await,
    }
}

async fn refused(ledger: &Ledger, lease: &Lease) {
    assert!(!ledger.extend(lease).await, "extend");
    assert!(!ledger.remember(lease, "late", "1").await, "remember");
    assert!(!ledger.complete(lease).await, "complete");
    assert!(!ledger.release(lease, Release::Same).await, "release");
    assert!(!ledger.release(lease, Release::Next(9)).await, "release for the next");
}

async fn of_two_hundred_claimers_one_starts(engine: Engine) {
    let case = case_on(engine).await;
    let ledgers: Vec<Ledger> = (0..4).map(|_| case.ledger(LONG)).collect();
    let entry = case.entry();
    let claims = join_all((0..200).map(|claimer| ledgers[claimer % 4].claim(&entry, 0))).await;
    let mut started = 0;
    for claim in claims {
        match claim {
            Claim::Started(lease) => {
                started += 1;
                assert_eq!(lease.abandoned, 0);
            }
            Claim::Held(left) => assert!(left <= LONG && !left.is_zero(), "{left:?}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(started, 1);
}

async fn what_is_completed_stays_completed(engine: Engine) {
    let case = case_on(engine).await;
    let ledger = case.ledger(LONG);
    let lease = case.start(&ledger, 0).await;
    assert!(ledger.remember(&lease, "order", "42").await);
    assert!(ledger.complete(&lease).await);
    assert!(ledger.complete(&lease).await, "told twice, done once");
    for attempt in [0, 1, 7] {
        assert!(matches!(ledger.claim(&case.entry(), attempt).await, Claim::Completed));
    }
    assert!(!ledger.extend(&lease).await);
    assert!(!ledger.remember(&lease, "late", "1").await);
    assert!(!ledger.release(&lease, Release::Next(1)).await);
    assert!(matches!(ledger.claim(&case.entry(), 1).await, Claim::Completed));
    let parts = case.parts().await;
    assert_eq!(parts["s"], "C");
    assert!(!parts.contains_key("step:order"), "a step outlived the completion");
}

async fn late_writes_of_who_was_taken_over_are_refused(engine: Engine) {
    let case = case_on(engine).await;
    let (hasty, ledger) = (case.ledger(SHORT), case.ledger(LONG));
    let late = case.start(&hasty, 0).await;
    assert!(hasty.remember(&late, "order", "42").await);
    let owner = case.take_over(&ledger, 0).await;
    assert!(owner.fence > late.fence, "{} after {}", owner.fence, late.fence);
    assert_eq!((owner.abandoned, owner.step("order").as_deref()), (1, Some("42")));
    refused(&hasty, &late).await;
    assert!(ledger.extend(&owner).await);
    assert!(!case.parts().await.contains_key("step:late"));

    // Given back and taken again: neither of the earlier two has a say.
    assert!(ledger.release(&owner, Release::Same).await);
    refused(&hasty, &late).await;
    let last = case.start(&ledger, 0).await;
    assert!(last.fence > owner.fence);
    refused(&hasty, &late).await;
    refused(&ledger, &owner).await;
    assert!(ledger.complete(&last).await);
    refused(&hasty, &late).await;
    refused(&ledger, &owner).await;
}

async fn a_lease_that_ran_out_is_its_owners_until_somebody_takes_it(engine: Engine) {
    let case = case_on(engine).await;
    let (hasty, ledger) = (case.ledger(SHORT), case.ledger(LONG));
    let late = case.start(&hasty, 0).await;
    let ran_out = async {
        let now = || shared::clock::now_ms();
        while case.parts().await["x"].parse::<i64>().unwrap() >= now() {}
    };
    within("the lease to run out", ran_out).await;
    assert!(ledger.extend(&late).await, "nobody has taken it");
    assert!(matches!(ledger.claim(&case.entry(), 0).await, Claim::Held(_)));
    assert!(hasty.complete(&late).await);
}

async fn only_runs_that_never_ended_count_as_abandoned(engine: Engine) {
    let case = case_on(engine).await;
    let (hasty, ledger) = (case.ledger(SHORT), case.ledger(LONG));
    let given_back = case.start(&hasty, 0).await;
    assert!(hasty.release(&given_back, Release::Same).await);
    assert_eq!(case.start(&hasty, 0).await.abandoned, 0, "it was given back");
    assert_eq!(case.take_over(&hasty, 0).await.abandoned, 1);
    let third = case.take_over(&ledger, 0).await;
    assert_eq!(third.abandoned, 2);
    assert!(ledger.release(&third, Release::Same).await);
    let fourth = case.start(&ledger, 0).await;
    assert_eq!(fourth.abandoned, 2, "given back, it has not come to an end");
    assert!(ledger.release(&fourth, Release::Next(1)).await);
    assert_eq!(case.start(&ledger, 1).await.abandoned, 0, "the run before it came to an end");
}

async fn an_attempt_is_stale_once_a_later_one_is_known(engine: Engine) {
    let case = case_on(engine).await;
    let ledger = case.ledger(LONG);
    let stale = async |attempt| matches!(ledger.claim(&case.entry(), attempt).await, Claim::Stale);
    let first = case.start(&ledger, 0).await;
    assert!(ledger.release(&first, Release::Same).await);
    let first = case.start(&ledger, 0).await;
    assert!(ledger.release(&first, Release::Next(2)).await);
    assert!(ledger.release(&first, Release::Next(2)).await, "told twice, done once");
    assert!(stale(0).await && stale(1).await);
    let third = case.start(&ledger, 2).await;
    assert!(stale(1).await, "stale, not held: whoever holds it is ahead");
    // It never goes back, whatever is said.
    assert!(ledger.release(&third, Release::Next(1)).await);
    assert!(stale(1).await);
    // Nor behind an attempt that was there to be claimed.
    let fifth = case.start(&ledger, 4).await;
    assert!(ledger.release(&fifth, Release::Same).await);
    assert!(stale(3).await);
    case.start(&ledger, 4).await;
}

async fn steps_come_back_with_the_next_claim_of_the_same_generation(engine: Engine) {
    let case = case_on(engine).await;
    let ledger = case.ledger(LONG);
    let first = case.start(&ledger, 0).await;
    assert_eq!(first.step("order"), None);
    for json in ["41", "42"] {
        assert!(ledger.remember(&first, "order", json).await);
    }
    assert!(ledger.remember(&first, "slack", "null").await);
    assert!(ledger.release(&first, Release::Next(1)).await);
    let second = case.start(&ledger, 1).await;
    assert_eq!(second.step("order").as_deref(), Some("42"));
    assert_eq!(second.step("slack").as_deref(), Some("null"));
    assert!(ledger.complete(&second).await);

    let raised = EntryKey { generation: 1, ..case.entry() };
    let again = started(ledger.claim(&raised, 0).await);
    assert_eq!((again.abandoned, again.step("order")), (0, None));
    let other = EntryKey { target: "another", ..case.entry() };
    started(ledger.claim(&other, 0).await);
}

async fn what_has_expired_is_as_if_it_had_never_been(engine: Engine) {
    let case = case_on(engine).await;
    // A file writes no lease that is long yet.
    let (fleeting, ledger) = (case.ledger_for(3 * LONG, SHORT), case.ledger(LONG));
    let expired = async || {
        within("the entry to expire", async { while !case.parts().await.is_empty() {} }).await;
    };
    let first = case.start(&ledger, 3).await;
    assert!(ledger.remember(&first, "order", "42").await);
    assert!(fleeting.extend(&first).await, "kept no longer than this one would have it");
    expired().await;
    let second = case.start(&ledger, 0).await;
    assert_eq!((second.abandoned, second.step("order")), (0, None));
    assert!(second.fence > first.fence, "{} after {}", second.fence, first.fence);
    refused(&ledger, &first).await;
    assert!(fleeting.release(&second, Release::Next(7)).await);
    expired().await;
    case.start(&ledger, 0).await;
}

/// Each write of its owner puts it back, with all that the lease knows.
async fn what_was_lost_is_written_anew_by_its_owner(engine: Engine) {
    for write in ["extend", "remember", "release", "release for the next"] {
        let case = case_on(engine).await;
        let ledger = case.ledger(LONG);
        let first = case.start(&ledger, 4).await;
        assert!(ledger.remember(&first, "order", "42").await);
        case.lose().await;
        let (written, state, lowest) = match write {
            "extend" => (ledger.extend(&first).await, "S", "4"),
            "remember" => (ledger.remember(&first, "order", "42").await, "S", "4"),
            "release" => (ledger.release(&first, Release::Same).await, "R", "4"),
            _ => (ledger.release(&first, Release::Next(7)).await, "R", "7"),
        };
        assert!(written, "{write}");
        let parts = case.parts().await;
        let found = ["s", "o", "l", "f", "a", "step:order"].map(|part| parts[part].as_str());
        let fence = first.fence.to_string();
        let owner = found[1];
        assert_eq!(found, [state, owner, lowest, &fence, "0", "42"], "{write}");
        assert!(matches!(ledger.claim(&case.entry(), 3).await, Claim::Stale), "{write}");
        if state == "S" {
            assert!(matches!(ledger.claim(&case.entry(), 7).await, Claim::Held(_)), "{write}");
            assert!(ledger.release(&first, Release::Same).await, "{write}");
        }
        let next = case.start(&ledger, 7).await;
        assert_eq!(next.step("order").as_deref(), Some("42"), "{write}");
        assert!(next.fence > first.fence, "{write}: {} after {}", next.fence, first.fence);
    }
}

async fn what_is_done_is_not_done_again_although_its_entry_was_lost_meanwhile(engine: Engine) {
    let case = case_on(engine).await;
    let ledger = case.ledger(LONG);
    let lease = case.start(&ledger, 0).await;
    assert!(ledger.remember(&lease, "order", "42").await);
    case.lose().await;
    assert!(ledger.complete(&lease).await);
    assert!(ledger.complete(&lease).await, "told twice, done once");
    assert!(matches!(ledger.claim(&case.entry(), 0).await, Claim::Completed));
    let parts = case.parts().await;
    assert_eq!(parts["s"], "C");
    assert!(!parts.contains_key("step:order"), "a step outlived the completion");
}

async fn who_has_taken_what_was_lost_has_it(engine: Engine) {
    let case = case_on(engine).await;
    let ledger = case.ledger(LONG);
    let first = case.start(&ledger, 0).await;
    assert!(ledger.remember(&first, "order", "42").await);
    case.lose().await;
    let second = case.start(&ledger, 0).await;
    assert!(second.fence > first.fence, "{} after {}", second.fence, first.fence);
    assert_eq!(second.step("order"), None);
    refused(&ledger, &first).await;
    assert!(ledger.complete(&second).await);
    refused(&ledger, &first).await;
}

on_every_engine! {
    of_two_hundred_claimers_one_starts
    what_is_completed_stays_completed
    late_writes_of_who_was_taken_over_are_refused
    a_lease_that_ran_out_is_its_owners_until_somebody_takes_it
    only_runs_that_never_ended_count_as_abandoned
    an_attempt_is_stale_once_a_later_one_is_known
    steps_come_back_with_the_next_claim_of_the_same_generation
    what_has_expired_is_as_if_it_had_never_been
    what_was_lost_is_written_anew_by_its_owner
    what_is_done_is_not_done_again_although_its_entry_was_lost_meanwhile
    who_has_taken_what_was_lost_has_it
}
