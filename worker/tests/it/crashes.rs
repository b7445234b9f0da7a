//! Workers that are killed, and what the next one makes of it.

use std::collections::BTreeMap;

use worker::HandlerError;

use crate::harness::{
    Child, Engine, Gate, Probe, Rig, Standstill, deal, noted, on_every_engine, probed,
    wait_for_ends, wait_for_verdicts,
};

/// For those that are killed: their claims are waited out, and still leave time for the killing.
pub(crate) const CLAIMS: [&str; 4] = ["--handler-timeout", "8s", "--lease", "9s"];
/// For those that bring about their own end at once.
pub(crate) const SHORT_CLAIMS: [&str; 4] = ["--handler-timeout", "2900ms", "--lease", "3s"];
/// For those that live on.
pub(crate) const PATIENT: [&str; 4] = ["--handler-timeout", "30s", "--lease", "40s"];

async fn a_run_that_died_with_its_worker_is_done_again_beside_others(engine: Engine) {
    let rig = Rig::on(engine, &PATIENT).await;
    rig.publish(&deal(1)).await;
    let child = Child::start(&rig, "hangs", &CLAIMS).await;
    child.wait("started", 1).await;
    child.kill().await;

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
    rig.publish_all(2..=10).await;
    probe.wait(10).await;
    gate.open();
    wait_for_verdicts(&worker, "succeeded", 10).await;
    worker.stop().await;
    let mut ids: Vec<u64> = probe.runs().iter().map(|run| run.object_id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=10).collect::<Vec<u64>>());
    rig.finish().await;
}

async fn a_step_that_succeeded_before_the_crash_is_not_done_again(engine: Engine) {
    let rig = Rig::on(engine, &CLAIMS).await;
    rig.publish(&deal(1)).await;
    let child = Child::start(&rig, "hangs after a step", &CLAIMS).await;
    child.wait("stepped", 1).await;
    child.kill().await;

    let (ordered, posted) = (Probe::new(), Probe::new());
    let (order, post) = (ordered.clone(), posted.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let (order, post) = (order.clone(), post.clone());
            async move {
                let number: u32 = cx
                    .step("order", async {
                        order.note(&cx, &event);
                        Ok(0)
                    })
                    .await?;
                assert_eq!(number, 42, "the result of the step is the first run's");
                post.note(&cx, &event);
                Ok(())
            }
        });
    });
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    assert_eq!((ordered.runs().len(), posted.runs().len()), (0, 1));
    rig.finish().await;
}

async fn a_crash_after_the_retry_was_published_does_not_fork_the_event(engine: Engine) {
    // The second retry waits for long enough to be seen.
    let retries = ["--retry-initial", "50ms", "--retry-multiplier", "40", "--retry-max", "2s"];
    let flags = [&CLAIMS[..], &retries].concat();
    let rig = Rig::on(engine, &flags).await;
    let standstill = Standstill::after_retry(&rig).await;
    rig.publish(&deal(1)).await;
    let flags = standstill.flags(&flags);
    let mut child = Child::start(&rig, "fails, and again when told", &flags).await;
    // Its first retry shows that it is able to publish.
    child.wait("started", 2).await;
    standstill.begin().await;
    child.tell("go");
    rig.wait_for_retry().await;
    child.kill().await;
    standstill.end().await;

    let probe = Probe::new();
    let runs = probe.clone();
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            runs.note(&cx, &event);
            async move {
                if cx.attempt() == 1 {
                    return Err(HandlerError::transient("TEST_5XX", "again"));
                }
                Ok(())
            }
        });
    });
    // The message that was not acked, and its retry.
    wait_for_ends(&[&worker], 2).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    let mut attempts = BTreeMap::<u32, u32>::new();
    for run in probe.runs() {
        *attempts.entry(run.attempt).or_default() += 1;
    }
    assert_eq!(attempts.get(&2), Some(&1), "{attempts:?}");
    assert!(attempts.get(&1).is_none_or(|runs| *runs == 1), "{attempts:?}");
    assert!(attempts.keys().all(|attempt| [1, 2].contains(attempt)), "{attempts:?}");
    rig.finish().await;
}

async fn a_crash_between_completion_and_ack_leaves_a_duplicate(engine: Engine) {
    let rig = Rig::on(engine, &CLAIMS).await;
    let standstill = Standstill::after_completion(&rig).await;
    let message = rig.publish(&deal(1)).await;
    let mut child = Child::start(&rig, "succeeds when told", &standstill.flags(&CLAIMS)).await;
    child.wait("started", 1).await;
    standstill.begin().await;
    child.tell("go");
    rig.wait_for_entry(&message.event.identity, "s", "C").await;
    child.kill().await;
    standstill.end().await;

    let probe = Probe::new();
    let worker = rig.worker(|registry| noted(registry, &probe));
    wait_for_verdicts(&worker, "duplicate", 1).await;
    worker.stop().await;
    assert!(probe.runs().is_empty());
    rig.finish().await;
}

on_every_engine! {
    a_run_that_died_with_its_worker_is_done_again_beside_others
    a_step_that_succeeded_before_the_crash_is_not_done_again
    a_crash_after_the_retry_was_published_does_not_fork_the_event
    a_crash_between_completion_and_ack_leaves_a_duplicate
}
