//! What every ledger must keep to, told straight through its calls.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use shared::event::Identity;
use shared::metrics::registry;
use shared::testing::{Proxy, prefix, redis_url};
use worker::ledger::{Claim, EntryKey, Lease, Ledger, LedgerOptions, Release};
use worker::metrics::WorkerMetrics;

use crate::harness::{Entries, TARGET, within};

const LONG: Duration = Duration::from_secs(60);
/// A lease that tests wait out.
const SHORT: Duration = Duration::from_millis(30);

/// One entry, and ledgers on its prefix.
struct Case {
    prefix: String,
    identity: Identity,
    entries: Entries,
}

impl Case {
    async fn new() -> Self {
        let prefix = prefix();
        let entries = Entries::open(&redis_url(), &prefix).await;
        Self { prefix, identity: Identity::of_unreadable(b"an event"), entries }
    }

    fn ledger(&self, lease: Duration) -> Ledger {
        self.ledger_at(&redis_url(), lease)
    }

    fn ledger_at(&self, url: &str, lease: Duration) -> Ledger {
        let options = LedgerOptions {
            url: url.to_owned().into(),
            prefix: self.prefix.clone(),
            lease,
            retention: LONG,
        };
        Ledger::start(options, WorkerMetrics::register(&mut registry(), false)).unwrap()
    }

    fn entry(&self) -> EntryKey<'_> {
        EntryKey { identity: &self.identity, target: TARGET, generation: 0 }
    }

    async fn start(&self, ledger: &Ledger, attempt: u32) -> Lease {
        started(ledger.claim(&self.entry(), attempt).await)
    }

    /// Claims until the lease that stands has run out.
    async fn take_over(&self, ledger: &Ledger, attempt: u32) -> Lease {
        let taking_over = async {
            loop {
                match ledger.claim(&self.entry(), attempt).await {
                    Claim::Held(_) => tokio::task::yield_now().await,
                    claim => return started(claim),
                }
            }
        };
        within("a lease to run out", taking_over).await
    }
}

fn started(claim: Claim) -> Lease {
    match claim {
        Claim::Started(lease) => lease,
        other => panic!("not started: {other:?}"),
    }
}

async fn refused(ledger: &Ledger, lease: &Lease) {
    assert!(!ledger.extend(lease).await, "extend");
    assert!(!ledger.remember(lease, "late", "1").await, "remember");
    assert!(!ledger.complete(lease).await, "complete");
    assert!(!ledger.release(lease, Release::Same).await, "release");
    assert!(!ledger.release(lease, Release::Next(9)).await, "release for the next");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_claimers_one_starts() {
    let case = Case::new().await;
    let ledgers: Vec<Ledger> = (0..4).map(|_| case.ledger(LONG)).collect();
    let entry = case.entry();
    let claims = join_all((0..200).map(|claimer| ledgers[claimer % 4].claim(&entry, 0))).await;
    let mut started = 0;
    for claim in claims {
        match claim {
            Claim::Started(lease) => {
                started += 1;
                assert_eq!((lease.fence, lease.abandoned), (1, 0));
            }
            Claim::Held(left) => assert!(left <= LONG && !left.is_zero(), "{left:?}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(started, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_completed_stays_completed() {
    let case = Case::new().await;
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
    let fields: BTreeSet<String> = case.entries.of(&case.identity).await.into_keys().collect();
    assert_eq!(fields, ["s", "o"].map(str::to_owned).into(), "steps outlived the completion");
}

#[tokio::test(flavor = "multi_thread")]
async fn late_writes_of_who_was_taken_over_are_refused() {
    let case = Case::new().await;
    let (hasty, ledger) = (case.ledger(SHORT), case.ledger(LONG));
    let late = case.start(&hasty, 0).await;
    assert!(hasty.remember(&late, "order", "42").await);
    let owner = case.take_over(&ledger, 0).await;
    assert!(owner.fence > late.fence, "{} after {}", owner.fence, late.fence);
    assert_eq!((owner.abandoned, owner.step("order").as_deref()), (1, Some("42")));
    refused(&hasty, &late).await;
    assert!(ledger.extend(&owner).await);
    assert!(!case.entries.of(&case.identity).await.contains_key("step:late"));

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

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ran_out_is_its_owners_until_somebody_takes_it() {
    let case = Case::new().await;
    let (hasty, ledger) = (case.ledger(SHORT), case.ledger(LONG));
    let late = case.start(&hasty, 0).await;
    let entry = &case.entries;
    let ran_out = async {
        let now = || shared::clock::now_ms();
        while entry.of(&case.identity).await["x"].parse::<i64>().unwrap() >= now() {}
    };
    within("the lease to run out", ran_out).await;
    assert!(ledger.extend(&late).await, "nobody has taken it");
    assert!(matches!(ledger.claim(&case.entry(), 0).await, Claim::Held(_)));
    assert!(hasty.complete(&late).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_runs_that_never_ended_count_as_abandoned() {
    let case = Case::new().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_stale_once_a_later_one_is_known() {
    let case = Case::new().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn steps_come_back_with_the_next_claim_of_the_same_generation() {
    let case = Case::new().await;
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
    assert_eq!((again.fence, again.step("order")), (1, None));
    let other = EntryKey { target: "another", ..case.entry() };
    started(ledger.claim(&other, 0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_answer_was_lost_is_still_ones_own() {
    let case = Case::new().await;
    let proxy = Proxy::start(&Proxy::server_of(&redis_url())).await;
    let ledger = case.ledger_at(&proxy.url(&redis_url()), LONG);
    // Each of its connections in turn, so that all of them are there.
    for _ in 0..8 {
        ledger.budget(1, 100).await;
    }
    proxy.mute_server();
    let entry = case.entry();
    let carried_out_and_lost = async {
        case.entries.wait_for(&case.identity, "s", "S").await;
        // Given up by the ledger: from here on it asks anew.
        within("the ledger to notice", async {
            while ledger.is_up() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        proxy.restore();
    };
    let (claim, ()) = tokio::join!(ledger.claim(&entry, 0), carried_out_and_lost);
    let lease = started(claim);
    assert_eq!((lease.fence, lease.abandoned), (1, 0));
    assert!(ledger.complete(&lease).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_has_its_end() {
    let case = Case::new().await;
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
    ledger.budget(62_515, 1).await;
    ledger.budget(62_515, 1).await;
    let keys = case.entries.keys().await;
    assert_eq!(keys.len(), 6, "{keys:?}");
    for (key, left) in keys {
        let most = if key.contains(":budget:") { 10_000 } else { 60_000 };
        assert!(left.is_some_and(|left| left <= most), "{key}: {left:?}");
    }
}
