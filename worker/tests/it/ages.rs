//! How old the oldest events are that are not done, as operators see it.

use shared::broker::Lane;
use shared::clock::now_ms;
use worker::HandlerError;
use worker::parts::Worker;

use crate::harness::{
    Admin, Engine, Gate, Probe, Rig, deal, fresh, on_every_engine, probed, within,
};

const HOUR_MS: i64 = 3_600_000;

/// Waits until the age at `place` is about `hours`, and never more.
async fn wait_for_age(worker: &Worker, place: &str, hours: f64) {
    let admin = Admin::of(worker);
    let line = format!("hubline_oldest_event_seconds{{place=\"{place}\"}} ");
    let reached = async {
        loop {
            let text = admin.get("metrics").await;
            let age = text.lines().find_map(|found| found.strip_prefix(&line)).unwrap();
            let found: f64 = age.parse::<f64>().unwrap() / 3600.0;
            assert!(found < 4.0, "{found} hours");
            if (found - hours).abs() < 0.2 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    within(&format!("{place} at {hours} h"), reached).await;
}

async fn the_oldest_event_is_seen_in_hand_and_while_it_is_delayed_whoever_sent_it_there(
    engine: Engine,
) {
    // The handlers wait until all has been seen.
    let patient = ["--handler-timeout", "30s", "--lease", "40s"];
    let retries = ["--retry-initial", "5min", "--retry-max", "1h"];
    let rig = Rig::on(engine, &[patient, retries].concat()).await;
    let (gate, probe) = (Gate::new(), Probe::new());
    let (hold, runs) = (gate.clone(), probe.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            runs.note(&cx, &event);
            let hold = hold.clone();
            async move {
                hold.pass().await;
                Err(HandlerError::transient("TEST_5XX", "not yet"))
            }
        });
    });
    wait_for_age(&worker, "in_hand", 0.0).await;
    for (id, hours) in [(1, 1), (2, 2)] {
        let mut message = fresh(&deal(id));
        message.received_ms = now_ms() - hours * HOUR_MS;
        rig.publish_to(Lane::Work, message).await;
    }
    // A replay may be of any age.
    let mut replayed = fresh(&deal(3));
    replayed.received_ms = now_ms() - 3 * HOUR_MS;
    rig.publish_to(Lane::Bulk, replayed).await;
    probe.wait(3).await;
    wait_for_age(&worker, "in_hand", 2.0).await;
    wait_for_age(&worker, "delayed", 0.0).await;
    gate.open();
    wait_for_age(&worker, "delayed", 2.0).await;
    wait_for_age(&worker, "in_hand", 0.0).await;
    worker.stop().await;
    let other = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    wait_for_age(&other, "delayed", 2.0).await;
    other.stop().await;
    let queue = if engine == Engine::Cluster { "retry.5m" } else { "work" };
    let left = rig.queues.drain(queue).await.len()
        + match engine {
            Engine::Cluster => 0,
            Engine::Embedded => rig.queues.drain("bulk").await.len(),
        };
    assert_eq!(left, 3);
    rig.finish().await;
}

on_every_engine! {
    the_oldest_event_is_seen_in_hand_and_while_it_is_delayed_whoever_sent_it_there
}
