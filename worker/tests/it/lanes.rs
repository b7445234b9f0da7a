//! The bulk lane: what comes from it goes back to it, and it does not hold up live events.

use std::time::Duration;

use shared::broker::Lane;
use shared::metrics::registry;
use worker::HandlerError;
use worker::parts::ledger::{Claim, EntryKey, Ledger, LedgerOptions};
use worker::parts::metrics::WorkerMetrics;

use crate::harness::{
    Engine, Gate, Probe, Rig, TARGET, deal, fresh, on_every_engine, probed, wait_for_verdicts,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_has_to_wait_comes_back_to_its_own_lane() {
    // Long enough for the worker to be gone when the messages come back.
    let rig = Rig::with(&["--retry-initial", "1500ms", "--retry-max", "2s"]).await;
    let worker = rig.worker(|registry| {
        probed(registry, |_, event| async move {
            match event.object_id {
                Some(1) => Err(HandlerError::transient("TEST_5XX", "again")),
                _ => Err(HandlerError::deferred(Duration::from_millis(1), "TEST_BUDGET", "spent")),
            }
        });
    });
    let held = fresh(&deal(3));
    let options = LedgerOptions {
        url: rig.settings.redis.url().unwrap(),
        prefix: rig.prefix.clone(),
        lease: Duration::from_secs(60),
        retention: Duration::from_secs(60),
    };
    let ledger =
        Ledger::start(options, WorkerMetrics::register(&mut registry("worker"), false)).unwrap();
    let entry = EntryKey { identity: &held.event.identity, target: TARGET, generation: 0 };
    assert!(matches!(ledger.claim(&entry, 0).await, Claim::Started(_)));
    for message in [fresh(&deal(1)), fresh(&deal(2)), held] {
        rig.publish_to(Lane::Bulk, message).await;
    }
    for verdict in ["retried", "limited", "held"] {
        wait_for_verdicts(&worker, verdict, 1).await;
    }
    worker.stop().await;
    for _ in 0..3 {
        let letter = rig.queues.take("bulk").await;
        assert_eq!(letter.routing_key, "bulk");
        let message = letter.message.unwrap();
        assert_eq!(message.target.as_deref(), Some(TARGET));
        let spent = *message.event.body() == deal(1);
        assert_eq!(message.attempt > 0, spent, "{message:?}");
    }
    rig.finish().await;
}

async fn bulk_work_that_hangs_leaves_room_for_live_events(engine: Engine) {
    let flags = ["--concurrency", "4", "--handler-timeout", "30s", "--lease", "40s"];
    let rig = Rig::on(engine, &flags).await;
    let (bulk, live, gate) = (Probe::new(), Probe::new(), Gate::new());
    let (bulk_runs, live_runs, hold) = (bulk.clone(), live.clone(), gate.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let slow = event.object_id.unwrap() <= 20;
            if slow { &bulk_runs } else { &live_runs }.note(&cx, &event);
            let hold = hold.clone();
            async move {
                if slow {
                    hold.pass().await;
                }
                Ok(())
            }
        });
    });
    for id in 1..=20 {
        rig.publish_to(Lane::Bulk, fresh(&deal(id))).await;
    }
    bulk.wait(1).await;
    rig.publish_all(21..=30).await;
    live.wait(10).await;
    wait_for_verdicts(&worker, "succeeded", 10).await;
    assert_eq!(bulk.runs().len(), 1);
    gate.open();
    wait_for_verdicts(&worker, "succeeded", 30).await;
    worker.stop().await;
    assert_eq!(bulk.runs().len(), 20);
    rig.finish().await;
}

on_every_engine! {
    bulk_work_that_hangs_leaves_room_for_live_events
}
