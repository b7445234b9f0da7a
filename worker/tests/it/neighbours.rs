//! A handler that takes long, and those whose events were taken, claimed and completed together with its
//! own.

use crate::harness::{Engine, Gate, Probe, Rig, on_every_engine, probed, wait_for_verdicts};

async fn a_handler_that_takes_long_holds_up_no_neighbours_completion_and_ack(engine: Engine) {
    // Four are out at most: another one comes only in the place of one that is acked.
    let bounds = ["--concurrency", "4", "--work-shards", "1"];
    let patient = ["--handler-timeout", "30s", "--lease", "40s"];
    let rig = Rig::on(engine, &[bounds, patient].concat()).await;
    let (probe, gate) = (Probe::new(), Gate::new());
    let (runs, hold) = (probe.clone(), gate.clone());
    // There before the worker is, and so taken together.
    rig.publish_all(1..=40).await;
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            runs.note(&cx, &event);
            let hold = hold.clone();
            async move {
                if event.object_id == Some(1) {
                    hold.pass().await;
                }
                Ok(())
            }
        });
    });
    wait_for_verdicts(&worker, "succeeded", 39).await;
    assert_eq!(probe.runs().len(), 40);
    gate.open();
    wait_for_verdicts(&worker, "succeeded", 40).await;
    worker.stop().await;
    assert!(probe.runs().iter().all(|run| run.attempt == 0), "one was run again");
    assert_eq!(probe.runs().len(), 40);
    rig.finish().await;
}

on_every_engine! {
    a_handler_that_takes_long_holds_up_no_neighbours_completion_and_ack
}
