//! A worker that stands still for longer than its claim and then goes on as if nothing had
//! happened.

use std::collections::BTreeSet;

use shared::testing::amqp_url;

use crate::harness::{Child, Probe, Rig, deal, noted, probed, wait_for_verdicts};

/// For whoever is taken over: its claim is waited out.
const SHORT: [&str; 4] = ["--handler-timeout", "1s", "--lease", "2s"];

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_taken_over_while_it_stood_still_writes_nothing_more() {
    // A last attempt: what fails is a dead letter.
    let flags = ["--retry-attempts", "1"];
    let rig = Rig::with(&flags).await;
    // The broker gives up a peer that is silent for two or three heartbeats.
    let url = format!("{}?heartbeat=1", amqp_url());
    let flags = [&SHORT[..], &flags, &["--amqp-url", &url]].concat();
    let mut child = Child::ready(&rig, "freezes", &flags).await;
    rig.publish_all(1..=2).await;
    child.wait("started", 2).await;
    child.signal("STOP");

    let probe = Probe::new();
    let worker = rig.worker(|registry| noted(registry, &probe));
    wait_for_verdicts(&worker, "succeeded", 2).await;
    child.tell("go");
    child.signal("CONT");

    // Its step is refused; then one run tells of success and one of permanent failure.
    let late: BTreeSet<_> =
        child.wait("refused:LEASE_LOST", 2).await.into_iter().map(|report| report.about).collect();
    assert_eq!(late, ["1", "2"].map(str::to_owned).into());
    let admin = child.admin().await;
    admin.wait_for("hubline_deliveries_total", &["verdict=\"lost\""], 2).await;
    assert_eq!(admin.sum("hubline_dead_letters_total", &[]).await, 0);
    child.stop().await;
    worker.stop().await;
    assert_eq!(probe.runs().len(), 2);
    rig.finish_with_copies().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_messages_of_a_run_that_was_taken_over_are_found_to_be_duplicates() {
    let rig = Rig::new().await;
    let url = format!("{}?heartbeat=1", amqp_url());
    let flags = [&SHORT[..], &["--amqp-url", &url]].concat();
    let mut child = Child::ready(&rig, "freezes", &flags).await;
    rig.publish(&deal(1)).await;
    child.wait("started", 1).await;
    child.signal("STOP");
    let worker = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    wait_for_verdicts(&worker, "succeeded", 1).await;
    child.tell("go");
    child.signal("CONT");
    child.admin().await.wait_for("hubline_deliveries_total", &["verdict=\"lost\""], 1).await;
    child.stop().await;
    // The message that the late run sent around once more.
    wait_for_verdicts(&worker, "duplicate", 1).await;
    worker.stop().await;
    rig.finish().await;
}
