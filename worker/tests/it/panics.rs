//! Handlers and filters that panic: that is an error as any other.

use shared::message::DeathReason;
use shared::senders::hubspot::HubSpotEvent;

use crate::harness::{
    Engine, Probe, Rig, TARGET, deal, on_every_engine, probed, wait_for_verdicts, within,
};

async fn a_panic_before_the_future_is_a_failure_like_any_other(engine: Engine) {
    let rig = Rig::on(engine, &["--retry-attempts", "2"]).await;
    let probe = Probe::new();
    let runs = probe.clone();
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            assert!(runs.note(&cx, &event) > 0, "too early");
            async { Ok(()) }
        });
    });
    rig.publish(&deal(1)).await;
    within("the second run", probe.wait(2)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    let attempts: Vec<u32> = probe.runs().iter().map(|run| run.attempt).collect();
    assert_eq!(attempts, [0, 1]);
    rig.finish().await;
}

async fn a_panic_while_routing_is_retried_and_then_a_dead_letter(engine: Engine) {
    let rig = Rig::on(engine, &["--retry-attempts", "2"]).await;
    let worker = rig.worker(|registry| {
        let wants = |event: &HubSpotEvent| {
            assert_ne!(event.object_id, Some(1), "cannot tell");
            true
        };
        registry.hubspot(TARGET, wants, |_: &_, _: &_| async { Ok(()) }).unwrap();
    });
    rig.publish_all(1..=2).await;
    let letter = rig.queues.take("dead").await.message.unwrap();
    let death = letter.death.unwrap();
    assert_eq!((death.reason, death.code.as_str()), (DeathReason::Exhausted, "PANIC"));
    assert!(death.error.contains("cannot tell"), "{}", death.error);
    assert_eq!((letter.target, letter.attempt), (None, 2));
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    rig.finish().await;
}

on_every_engine! {
    a_panic_before_the_future_is_a_failure_like_any_other
    a_panic_while_routing_is_retried_and_then_a_dead_letter
}
