//! SIGTERM: what runs is finished, the rest is given back as if it had never been taken.

use std::collections::BTreeSet;

use crate::harness::{
    Admin, Child, Engine, Gate, Probe, Rig, deal, noted, on_every_engine, probed, wait_for_verdicts,
};

async fn sigterm_under_load_loses_nothing_and_repeats_nothing(engine: Engine) {
    let flags = ["--concurrency", "8", "--handler-timeout", "30s", "--lease", "40s"];
    let rig = Rig::on(engine, &flags).await;
    rig.publish_all(1..=200).await;
    let mut child = Child::start(&rig, "works", &flags).await;
    // Its share of a portal is three quarters of its concurrency: six that wait to be told.
    child.wait("done", 20).await;
    child.wait("started", 24).await;
    child.signal("TERM");
    child.wait("stopping", 1).await;
    child.tell("go");
    assert!(child.ended().await.success());
    let done: BTreeSet<u64> =
        child.reports("done").iter().map(|report| report.about.parse().unwrap()).collect();
    assert_eq!(child.reports("started").len(), done.len(), "what was started was finished");
    assert!(child.reports("started").iter().all(|report| report.attempt == Some(0)));
    assert!((24..200).contains(&done.len()), "{}", done.len());

    let probe = Probe::new();
    let worker = rig.worker(|registry| noted(registry, &probe));
    let rest = 200 - done.len();
    wait_for_verdicts(&worker, "succeeded", rest as u64).await;
    let admin = Admin::of(&worker);
    for verdict in ["duplicate", "stale", "held"] {
        let label = format!("verdict=\"{verdict}\"");
        assert_eq!(admin.sum("hubline_deliveries_total", &[&label]).await, 0, "{verdict}");
    }
    worker.stop().await;
    assert_eq!(probe.runs().len(), rest);
    assert!(probe.runs().iter().all(|run| run.attempt == 0 && !done.contains(&run.object_id)));
    rig.finish().await;
}

async fn a_run_that_outlasts_the_grace_is_given_back_with_its_steps(engine: Engine) {
    let patient = ["--handler-timeout", "30s", "--lease", "40s"];
    let rig = Rig::on(engine, &patient).await;
    let flags = [&patient[..], &["--shutdown-grace", "50ms"]].concat();
    let message = rig.publish(&deal(1)).await;
    let child = Child::start(&rig, "hangs after a step", &flags).await;
    child.wait("stepped", 1).await;
    child.stop().await;
    let entry = rig.entry(&message.event.identity).await;
    assert_eq!((entry["s"].as_str(), entry["a"].as_str()), ("R", "0"), "{entry:?}");
    let fence: u64 = entry["f"].parse().unwrap();

    let (probe, again) = (Probe::new(), Probe::new());
    let (runs, repeated) = (probe.clone(), again.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let (runs, repeated) = (runs.clone(), repeated.clone());
            async move {
                runs.note(&cx, &event);
                let order: u32 = cx
                    .step("order", async {
                        repeated.note(&cx, &event);
                        Ok(0)
                    })
                    .await?;
                assert_eq!(order, 42);
                assert!(cx.fence() > fence, "{} after {fence}", cx.fence());
                Ok(())
            }
        });
    });
    wait_for_verdicts(&worker, "succeeded", 1).await;
    let held = Admin::of(&worker).sum("hubline_deliveries_total", &["verdict=\"held\""]).await;
    worker.stop().await;
    assert_eq!(held, 0, "its claim was left standing");
    assert_eq!((probe.runs().len(), probe.runs()[0].attempt), (1, 0));
    assert!(again.runs().is_empty());
    rig.finish().await;
}

async fn runs_that_wait_behind_another_are_given_back_unclaimed(engine: Engine) {
    // One portal with a share of one: the second event waits for the first, which hangs.
    let patient = ["--handler-timeout", "30s", "--lease", "40s"];
    let flags = [&patient[..], &["--portal-concurrency", "1", "--shutdown-grace", "50ms"]].concat();
    let rig = Rig::on(engine, &flags).await;
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
    let messages = [rig.publish(&deal(1)).await, rig.publish(&deal(2)).await];
    probe.wait(1).await;
    Admin::of(&worker).wait_for("hubline_in_flight", &[], 2).await;
    worker.stop().await;
    for message in messages {
        let entry = rig.entry(&message.event.identity).await;
        assert!(entry.is_empty() || entry["s"] == "R", "a claim was left standing: {entry:?}");
    }
    gate.open();
    let worker = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    wait_for_verdicts(&worker, "succeeded", 2).await;
    worker.stop().await;
    rig.finish().await;
}

on_every_engine! {
    sigterm_under_load_loses_nothing_and_repeats_nothing
    a_run_that_outlasts_the_grace_is_given_back_with_its_steps
    runs_that_wait_behind_another_are_given_back_unclaimed
}
