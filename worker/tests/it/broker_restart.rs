//! The connections to the broker break while events are in work and in retries.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::testing::{Proxy, amqp_url};
use worker::HandlerError;

use crate::harness::{Admin, Gate, Probe, Rig, deal, probed, wait_for_verdicts};

const PATIENT: [&str; 4] = ["--handler-timeout", "30s", "--lease", "40s"];

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_was_away_gets_every_event_done_once() {
    let flags = [
        &PATIENT[..],
        &["--concurrency", "60", "--retry-initial", "500ms", "--retry-max", "500ms"],
    ];
    let mut rig = Rig::with(&flags.concat()).await;
    let proxy = rig.through_proxy().await;
    let (probe, gate) = (Probe::new(), Gate::new());
    let (runs, hold) = (probe.clone(), gate.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            runs.note(&cx, &event);
            let hold = hold.clone();
            async move {
                // Even ones go through a retry, odd ones are in work while the broker is away.
                if event.object_id.unwrap().is_multiple_of(2) {
                    if cx.attempt() == 0 {
                        return Err(HandlerError::transient("TEST_5XX", "again"));
                    }
                } else {
                    hold.pass().await;
                }
                Ok(())
            }
        });
    });
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    rig.publish_all(1..=40).await;
    probe.wait(40).await;
    proxy.cut();
    admin.wait_for_part("broker_consuming", "down").await;
    admin.wait_for_part("broker_publishing", "down").await;
    proxy.restore();
    admin.wait_until_ready().await;
    gate.open();
    wait_for_verdicts(&worker, "succeeded", 40).await;
    worker.stop().await;
    let mut runs = BTreeMap::<(u64, u32), u32>::new();
    for run in probe.runs() {
        *runs.entry((run.object_id, run.attempt)).or_default() += 1;
    }
    let expected: BTreeMap<_, _> =
        (1..=40).map(|id| ((id, 0), 1)).chain((1..=20).map(|half| ((half * 2, 1), 1))).collect();
    assert_eq!(runs, expected);
    rig.finish_with_copies().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_outlives_its_connection_counts_and_its_message_is_a_duplicate() {
    let mut rig = Rig::with(&PATIENT).await;
    let proxy = rig.through_proxy().await;
    let (probe, gate) = (Probe::new(), Gate::new());
    let (runs, hold) = (probe.clone(), gate.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            runs.note(&cx, &event);
            let hold = hold.clone();
            async move {
                hold.pass().await;
                Ok(())
            }
        });
    });
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    rig.publish(&deal(1)).await;
    probe.wait(1).await;
    proxy.cut();
    admin.wait_for_part("broker_consuming", "down").await;
    proxy.restore();
    // Delivered again, it finds the first run at work.
    wait_for_verdicts(&worker, "held", 1).await;
    gate.open();
    wait_for_verdicts(&worker, "succeeded", 1).await;
    wait_for_verdicts(&worker, "duplicate", 1).await;
    worker.stop().await;
    assert_eq!(probe.runs().len(), 1);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_on_over_another_address_when_its_own_goes_silent() {
    let mut rig = Rig::with(&PATIENT).await;
    let server = Proxy::server_of(&amqp_url());
    let ways = [Proxy::start(&server).await, Proxy::start(&server).await];
    rig.settings.broker.amqp_url = Proxy::urls(&ways, &amqp_url()).into();
    let worker = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    ways[0].silence();
    // The broker itself gives the old connection up by its heartbeats: until then it may send there.
    rig.publish_all(2..=20).await;
    wait_for_verdicts(&worker, "succeeded", 20).await;
    worker.stop().await;
    rig.finish_with_copies().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_does_not_answer_does_not_hold_up_the_end() {
    let mut rig = Rig::with(&PATIENT).await;
    let proxy = rig.through_proxy().await;
    let worker = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    Admin::of(&worker).wait_until_ready().await;
    proxy.mute_server();
    // It is found out within seconds; whether an end waits for that must not matter.
    let ended = tokio::time::timeout(Duration::from_secs(15), worker.stop()).await;
    assert!(ended.is_ok(), "waited for the broker");
    rig.finish().await;
}
