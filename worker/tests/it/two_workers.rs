//! More than one worker on the same queues.

use crate::harness::{Admin, Engine, Probe, Rig, deal, noted, on_every_engine, wait_for_ends};

async fn two_workers_share_the_events_and_run_each_once(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let probe = Probe::new();
    let start = || rig.worker(|registry| noted(registry, &probe));
    let workers = [start(), start()];
    for worker in &workers {
        Admin::of(worker).wait_until_ready().await;
    }
    rig.publish_all(1..=300).await;
    probe.wait(300).await;
    rig.publish(&deal(1)).await;
    wait_for_ends(&[&workers[0], &workers[1]], 301).await;
    for worker in workers {
        worker.stop().await;
    }
    let mut ids: Vec<u64> = probe.runs().iter().map(|run| run.object_id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=300).collect::<Vec<_>>());
    rig.finish().await;
}

on_every_engine! {
    two_workers_share_the_events_and_run_each_once
}
