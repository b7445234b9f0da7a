//! One portal's trouble is not another's.

use crate::harness::{
    Admin, Engine, Gate, Probe, Rig, deal_of, on_every_engine, probed, wait_for_verdicts,
};

async fn a_portal_that_hangs_fills_its_share_and_no_more(engine: Engine) {
    let rig = Rig::on(
        engine,
        &[
            "--concurrency",
            "4",
            "--portal-concurrency",
            "2",
            "--handler-timeout",
            "30s",
            "--lease",
            "40s",
        ],
    )
    .await;
    let (probe, quick, gate) = (Probe::new(), Probe::new(), Gate::new());
    let (runs, quick_runs, hold) = (probe.clone(), quick.clone(), gate.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let hangs = event.portal_id == 62515;
            if hangs { &runs } else { &quick_runs }.note(&cx, &event);
            let hold = hold.clone();
            async move {
                if hangs {
                    hold.pass().await;
                }
                Ok(())
            }
        });
    });
    // More than there are slots, before anything of the others comes.
    rig.publish_all(1..=8).await;
    probe.wait(2).await;
    // Portals of both shards.
    for portal in 1..=8 {
        rig.publish(&deal_of(portal, 100)).await;
    }
    quick.wait(8).await;
    assert_eq!(probe.runs().len(), 2, "more than its share");
    let limited = ["verdict=\"limited\""];
    Admin::of(&worker).wait_for("hubline_deliveries_total", &limited, 6).await;
    gate.open();
    wait_for_verdicts(&worker, "succeeded", 16).await;
    worker.stop().await;
    let runs = probe.runs();
    assert_eq!(runs.len(), 8, "{runs:?}");
    assert!(runs.iter().all(|run| run.attempt == 0), "waiting spent an attempt");
    rig.finish().await;
}

on_every_engine! {
    a_portal_that_hangs_fills_its_share_and_no_more
}
