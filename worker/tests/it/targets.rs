//! Handlers that are replaced while their worker runs.

use shared::message::DeathReason;
use worker::{HandlerError, Registry};

use crate::harness::{
    Engine, Gate, Probe, Rig, TARGET, deal, noted, on_every_engine, probed, wait_for_verdicts,
};

/// Registers what notes its runs, waits for the gate and fails.
fn failing(registry: &mut Registry, probe: &Probe, gate: &Gate) {
    let (runs, hold) = (probe.clone(), gate.clone());
    probed(registry, move |cx, event| {
        runs.note(&cx, &event);
        let hold = hold.clone();
        async move {
            hold.pass().await;
            Err(HandlerError::transient("TEST_5XX", "again"))
        }
    });
}

async fn a_retry_goes_to_what_took_the_place_of_its_handler(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let (before, after, gate) = (Probe::new(), Probe::new(), Gate::new());
    let worker = rig.worker(|registry| failing(registry, &before, &gate));
    rig.publish(&deal(1)).await;
    before.wait(1).await;
    let mut registry = Registry::new();
    noted(&mut registry, &after);
    worker.replace(registry);
    // The run that has begun ends as it would have.
    gate.open();
    wait_for_verdicts(&worker, "retried", 1).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    assert_eq!((before.runs().len(), after.runs().len()), (1, 1));
    assert_eq!(after.runs()[0].attempt, 1);
    rig.finish().await;
}

async fn a_retry_for_a_handler_that_has_gone_ends_as_unknown(engine: Engine) {
    let rig = Rig::on(engine, &["--retry-attempts", "2"]).await;
    let (before, gate) = (Probe::new(), Gate::new());
    let worker = rig.worker(|registry| failing(registry, &before, &gate));
    rig.publish(&deal(1)).await;
    before.wait(1).await;
    worker.replace(Registry::new());
    gate.open();
    let letter = rig.queues.take("dead").await.message.unwrap();
    worker.stop().await;
    let death = letter.death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Exhausted, "TARGET_UNKNOWN"));
    assert_eq!((letter.target.as_deref(), letter.attempt), (Some(TARGET), 2));
    assert_eq!(before.runs().len(), 1);
    rig.finish().await;
}

on_every_engine! {
    a_retry_goes_to_what_took_the_place_of_its_handler
    a_retry_for_a_handler_that_has_gone_ends_as_unknown
}
