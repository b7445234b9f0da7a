//! What a ledger makes of Redis as it can be: away, forgetful, full, or no primary at all.

use std::time::Instant;

use futures_util::future::join_all;
use prometheus_client::registry::Registry;
use shared::broker::Lane;
use shared::event::Identity;
use shared::metrics::encode;
use shared::testing::{Proxy, prefix, redis_url};
use worker::parts::ledger::{Claim, EntryKey, Lease, Ledger, Release};
use worker::parts::limits::{Asker, Ended, Standing, Way};

use super::case::{Case, LONG, started};
use super::fence::LATE;
use super::limits::{CALLER, entered, of_portal};
use crate::harness::{OwnCluster, OwnRedis, TARGET, pause, within};

/// A Redis that is full may forget them alone.
#[tokio::test(flavor = "multi_thread")]
async fn steps_that_were_lost_come_back_with_the_release() {
    let case = Case::on_redis().await;
    let ledger = case.ledger(LONG);
    let first = case.start(&ledger, 0).await;
    assert!(ledger.remember(&first, "order", "42").await);
    assert!(ledger.remember(&first, "slack", "7").await);
    case.lose_steps().await;
    assert!(ledger.release(&first, Release::Next(1)).await);
    let next = case.start(&ledger, 1).await;
    assert_eq!(next.step("order").as_deref(), Some("42"));
    assert_eq!(next.step("slack").as_deref(), Some("7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_nobody_waits_for_any_more_is_written_with_the_release() {
    let case = Case::on_redis().await;
    let proxy = Proxy::start(&Proxy::server_of(&redis_url())).await;
    let ledger = case.ledger_at(&proxy.url(&redis_url()));
    for release in [Release::Same, Release::Next(1)] {
        let lease = case.start(&ledger, 0).await;
        proxy.cut();
        let given_up = async {
            while ledger.is_up() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            // Begun before it is given up.
            biased;
            _ = ledger.remember(&lease, "order", "42") => panic!("written without Redis"),
            () = within("the ledger to notice", given_up) => {}
        }
        assert_eq!(lease.step("order").as_deref(), Some("42"), "known at once");
        assert!(!case.parts().await.contains_key("step:order"));
        proxy.restore();
        assert!(ledger.release(&lease, release).await);
        assert_eq!(case.parts().await["step:order"], "42");
        case.lose().await;
    }
}

/// A node of a cluster may have the keys of the sign of life and of the first event: it is not up for all
/// that, since others are not its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_a_redis_cluster_is_no_ledger() {
    let cluster = OwnCluster::start().await;
    let mut prefix = prefix();
    while !cluster.is_on_first(&format!("{prefix}:alive")).await {
        prefix.push('x');
    }
    let mut number: u32 = 0;
    let identity = loop {
        let identity = Identity::of_unreadable(&number.to_be_bytes());
        if cluster.is_on_first(&format!("{prefix}:run:{{{identity}}}:{TARGET}:0")).await {
            break identity;
        }
        number += 1;
    };
    let (ledger, metrics) = Case::ledger_of(&cluster.url(), &prefix);
    let entry = EntryKey { identity: &identity, target: TARGET, generation: 0 };
    tokio::select! {
        claim = ledger.claim(&entry, 0) => panic!("{claim:?} by a node of a cluster"),
        () = unanswered(&metrics, "claim", 3) => {}
    }
    assert!(!ledger.is_up());
}

/// It is not asked again and again on the connection to it: the address may lead elsewhere by now.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_left_for_where_the_address_leads_to_then() {
    let case = Case::on_redis().await;
    let replica = OwnRedis::start().await;
    replica.ask(&["REPLICAOF", "127.0.0.1", "1"]).await;
    let proxy = Proxy::start(&Proxy::server_of(&replica.url)).await;
    let (ledger, metrics) = case.ledger_measured(&proxy.url(&redis_url()));
    let entry = case.entry();
    let failing_over = async {
        unanswered(&metrics, "claim", 1).await;
        assert!(!ledger.is_up());
        proxy.lead_to(&Proxy::server_of(&redis_url()));
    };
    let claiming = within("a claim by the primary", ledger.claim(&entry, 0));
    let (claim, ()) = tokio::join!(claiming, failing_over);
    started(claim);
}

/// The sign of life needs no such right, and would be taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_lacks_a_right_within_a_script_is_down_until_it_is_given() {
    let redis = OwnRedis::start().await;
    let (ledger, metrics) = Case::ledger_of(&redis.url, &prefix());
    let way = Way { key: "erp".to_owned(), cap: 2, lease: LONG };
    let slot_ms = entered(&ledger, &way).await;
    redis.ask(&["ACL", "SETUSER", "default", "-hincrby"]).await;
    let given = async {
        within("the ledger to notice", async {
            while ledger.is_up() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        for calls in 2..=3 {
            unanswered(&metrics, "gate", calls).await;
            assert!(!ledger.is_up(), "it is ready while calls hang");
        }
        redis.ask(&["ACL", "SETUSER", "default", "+hincrby"]).await;
    };
    let leaving = within("the answer", ledger.leave(&way, CALLER, slot_ms, Ended::Passed));
    let (left, ()) = tokio::join!(leaving, given);
    assert_eq!(left, None);
    assert!(ledger.is_up());
}

/// Where a first claim is answered late, Redis gives it its fence, by a second call. The next one has no use
/// for the first.
#[tokio::test(flavor = "multi_thread")]
async fn while_claims_are_answered_late_each_is_one_call() {
    let case = Case::on_redis().await;
    let proxy = Proxy::start(&Proxy::server_of(&redis_url())).await;
    let (ledger, metrics) = case.ledger_measured(&proxy.url(&redis_url()));
    // Before that Redis has not said what time it is.
    case.looked_at().await;
    let mut answered = Vec::new();
    for generation in 0..2 {
        let entry = EntryKey { generation, ..case.entry() };
        proxy.cut();
        let restored = async {
            let begun = Instant::now();
            while begun.elapsed() < LATE {
                tokio::task::yield_now().await;
            }
            proxy.restore();
        };
        let (claim, ()) = tokio::join!(within("the claim", ledger.claim(&entry, 0)), restored);
        started(claim);
        answered.push(calls(&metrics, "claim", "ok"));
    }
    assert_eq!(answered, [2, 3]);
}

/// Waits until so many calls were not answered.
async fn unanswered(metrics: &Registry, operation: &str, count: u64) {
    let failing = async {
        while calls(metrics, operation, "unavailable") < count {
            pause().await;
        }
    };
    within("calls without an answer", failing).await;
}

/// How many calls had such a result.
fn calls(metrics: &Registry, operation: &str, result: &str) -> u64 {
    let line =
        format!("hubline_ledger_calls_total{{operation=\"{operation}\",result=\"{result}\"}} ");
    let page = encode(metrics);
    let calls = page.lines().find_map(|found| found.strip_prefix(&line));
    calls.map_or(0, |calls| calls.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_answer_was_lost_is_still_ones_own() {
    let case = Case::on_redis().await;
    let proxy = Proxy::start(&Proxy::server_of(&redis_url())).await;
    let ledger = case.ledger_at(&proxy.url(&redis_url()));
    // Each of its connections in turn, so that all of them are there.
    for _ in 0..8 {
        ledger.take(&of_portal(100), Asker::fresh(Lane::Work, Standing::UnderWay)).await;
    }
    proxy.mute_server();
    let entry = case.entry();
    let carried_out_and_lost = async {
        case.entries().wait_for(&case.identity, "s", "S").await;
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
    assert_eq!(lease.abandoned, 0);
    assert!(ledger.complete(&lease).await);
}

/// Of a pipeline of many, Redis gets one part, and nobody an answer: whether each was carried out or not,
/// it is done once.
#[tokio::test(flavor = "multi_thread")]
async fn claims_and_completions_that_were_cut_off_half_way_are_made_good() {
    const COUNT: u32 = 64;
    let case = Case::on_redis().await;
    let proxy = Proxy::start(&Proxy::server_of(&redis_url())).await;
    let (cut, direct) = (case.ledger_at(&proxy.url(&redis_url())), case.ledger(LONG));
    let entries: Vec<_> =
        (0..COUNT).map(|generation| EntryKey { generation, ..case.entry() }).collect();
    // Its connection is there before its end is near.
    started(cut.claim(&EntryKey { generation: COUNT, ..case.entry() }, 0).await);
    let broken = |way: fn(&Proxy)| {
        let (proxy, cut) = (&proxy, &cut);
        way(proxy);
        async move {
            let noticed = async {
                while cut.is_up() {
                    tokio::task::yield_now().await;
                }
            };
            within("the ledger to notice", noticed).await;
            proxy.restore();
        }
    };

    // A first claim has some 250 bytes.
    let claiming = join_all(entries.iter().map(|entry| cut.claim(entry, 0)));
    let (claims, ()) = tokio::join!(claiming, broken(|proxy| proxy.cut_after(8_000)));
    let leases: Vec<_> = claims.into_iter().map(started).collect();
    assert!(leases.iter().all(|lease| lease.abandoned == 0), "its own was held against a run");
    for claim in join_all(entries.iter().map(|entry| direct.claim(entry, 0))).await {
        assert!(matches!(claim, Claim::Held(_)), "{claim:?}");
    }

    // A call that never came to its end, and one that did, whose answer was lost.
    let (half, rest) = leases.split_at(leases.len() / 2);
    let (first, ()) = tokio::join!(complete(&cut, half), broken(|proxy| proxy.cut_after(1_000)));
    let (second, ()) = tokio::join!(complete(&cut, rest), broken(Proxy::mute_server));
    assert!(first.into_iter().chain(second).all(|is_own| is_own), "not its own any more");
    for claim in join_all(entries.iter().map(|entry| direct.claim(entry, 0))).await {
        assert!(matches!(claim, Claim::Completed), "{claim:?}");
    }
}

async fn complete(ledger: &Ledger, leases: &[Lease]) -> Vec<bool> {
    join_all(leases.iter().map(|lease| ledger.complete(lease))).await
}
