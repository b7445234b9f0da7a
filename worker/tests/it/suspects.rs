//! Events whose runs died with their workers: suspects, accused, found out.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::message::DeathReason;
use worker::HandlerError;

use crate::crashes::{CLAIMS, PATIENT, SHORT_CLAIMS};
use crate::harness::{
    Admin, Child, Engine, Gate, Probe, Rig, TARGET, deal, on_every_engine, pause, probed,
    wait_for_verdicts, within,
};

/// Claims that are waited out where several are, one after the other.
const CLAIMS_OF_SOME: [&str; 4] = ["--handler-timeout", "5s", "--lease", "6s"];

async fn runs_that_died_with_two_workers_hold_up_each_other_and_nobody_else(engine: Engine) {
    let rig = Rig::on(engine, &PATIENT).await;
    let suspects = [rig.publish(&deal(1)).await, rig.publish(&deal(2)).await];
    for _ in 0..2 {
        let child = Child::start(&rig, "hangs", &CLAIMS_OF_SOME).await;
        child.wait("started", 2).await;
        child.kill().await;
    }

    let (probe, gate) = (Probe::new(), Gate::new());
    let (runs, hold) = (probe.clone(), gate.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let (runs, hold) = (runs.clone(), hold.clone());
            async move {
                runs.note(&cx, &event);
                if event.object_id < Some(3) {
                    hold.pass().await;
                }
                Ok(())
            }
        });
    });
    for suspect in &suspects {
        rig.wait_for_entry(&suspect.event.identity, "a", "2").await;
    }
    rig.publish_all(3..=10).await;
    wait_for_verdicts(&worker, "succeeded", 8).await;
    let apart = || probe.runs().iter().filter(|run| run.object_id < 3).count();
    within("the first suspect", async {
        while apart() == 0 {
            pause().await;
        }
    })
    .await;
    Admin::of(&worker).wait_for("hubline_in_flight", &[], 2).await;
    assert_eq!(apart(), 1, "one beside the other");
    gate.open();
    wait_for_verdicts(&worker, "succeeded", 10).await;
    worker.stop().await;
    assert_eq!((probe.runs().len(), apart()), (10, 2));
    rig.finish().await;
}

async fn a_run_that_died_with_three_workers_is_done_again_alone(engine: Engine) {
    let rig = Rig::on(engine, &PATIENT).await;
    let message = rig.publish(&deal(1)).await;
    for _ in 0..3 {
        let child = Child::start(&rig, "hangs", &CLAIMS_OF_SOME).await;
        child.wait("started", 1).await;
        child.kill().await;
    }

    let (probe, ended, gate) = (Probe::new(), Probe::new(), Gate::new());
    let (runs, ends, hold) = (probe.clone(), ended.clone(), gate.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let (runs, ends, hold) = (runs.clone(), ends.clone(), hold.clone());
            async move {
                runs.note(&cx, &event);
                if event.object_id == Some(1) {
                    hold.pass().await;
                }
                ends.note(&cx, &event);
                Ok(())
            }
        });
    });
    probe.wait(1).await;
    assert_eq!(rig.entry(&message.event.identity).await["a"], "3", "abandoned runs");
    rig.publish_all(2..=10).await;
    Admin::of(&worker).wait_for("hubline_in_flight", &[], 10).await;
    assert_eq!(probe.runs().len(), 1, "others ran beside it");
    gate.open();
    let ends = ended.wait(10).await;
    wait_for_verdicts(&worker, "succeeded", 10).await;
    worker.stop().await;
    let runs = probe.runs();
    assert_eq!((runs.len(), runs[0].object_id, runs[0].attempt), (10, 1, 0));
    assert!(runs[1..].iter().all(|run| run.at >= ends[0].at), "others ran before its end");
    rig.finish().await;
}

async fn who_was_accused_and_put_off_comes_back_beside_others(engine: Engine) {
    let rig = Rig::on(engine, &PATIENT).await;
    let message = rig.publish(&deal(1)).await;
    for _ in 0..3 {
        let child = Child::start(&rig, "hangs", &CLAIMS_OF_SOME).await;
        child.wait("started", 1).await;
        child.kill().await;
    }

    let (probe, gate) = (Probe::new(), Gate::new());
    let (runs, hold) = (probe.clone(), gate.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let (before, hold) = (runs.note(&cx, &event), hold.clone());
            async move {
                match (event.object_id, before) {
                    (Some(1), 0) => {
                        let wait = Duration::from_millis(1);
                        return Err(HandlerError::deferred(wait, "TEST_BUDGET", "spent"));
                    }
                    (Some(1), _) => hold.pass().await,
                    _ => {}
                }
                Ok(())
            }
        });
    });
    probe.wait(2).await;
    assert_eq!(rig.entry(&message.event.identity).await["a"], "102", "put off once, and two");
    rig.publish_all(2..=10).await;
    // The returned one still runs.
    wait_for_verdicts(&worker, "succeeded", 9).await;
    gate.open();
    wait_for_verdicts(&worker, "succeeded", 10).await;
    worker.stop().await;
    assert_eq!(probe.runs().len(), 11);
    rig.finish().await;
}

async fn an_event_that_kills_its_workers_is_found_out_and_its_neighbours_are_done(engine: Engine) {
    let room = ["--concurrency", "40", "--portal-concurrency", "40"];
    // Only in the first one do runs wait for each other.
    let (first, later) = ([CLAIMS, room].concat(), [SHORT_CLAIMS, room].concat());
    let rig = Rig::on(engine, &later).await;
    rig.publish_all(1..=21).await;
    let (mut deaths, mut done) = (0, BTreeMap::<String, u32>::new());
    let mut child = Child::start(&rig, "one aborts", &first).await;
    loop {
        let found_out = tokio::select! {
            status = child.ended() => {
                assert!(!status.success());
                false
            }
            () = rig.wait_for_messages("dead", 1) => true,
        };
        let mut reports = 0;
        loop {
            for report in child.reports("done").drain(reports..) {
                *done.entry(report.about).or_default() += 1;
                reports += 1;
            }
            if !found_out || done.len() == 20 {
                break;
            }
            child.wait("done", reports + 1).await;
        }
        if found_out {
            break;
        }
        deaths += 1;
        assert!(deaths <= 4, "it is not found out");
        assert_eq!(child.reports("aborting").len(), 1);
        child = Child::start(&rig, "one aborts", &later).await;
    }
    child.stop().await;
    assert_eq!(deaths, 4, "too early");
    assert_eq!(done.len(), 20, "{done:?}");
    // Done before the process died, and not known to be.
    assert!(done.values().all(|runs| *runs <= 2), "{done:?}");
    let letter = rig.queues.take("dead").await.message.unwrap();
    let death = letter.death.unwrap();
    assert_eq!((death.reason, death.code.as_str()), (DeathReason::Crashed, "CRASHED"));
    assert_eq!((letter.target.as_deref(), letter.attempt), (Some(TARGET), 1));
    assert_eq!(*letter.event.body(), deal(1));
    // Suspects beside it, done before and not known to be, may still have waited for each other.
    let worker = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    // What found no seat is in a queue again once nothing is in hand.
    for _ in 0..2 {
        rig.queues.settle().await;
        Admin::of(&worker).wait_for_line("hubline_in_flight 0").await;
    }
    worker.stop().await;
    rig.finish().await;
}

on_every_engine! {
    runs_that_died_with_two_workers_hold_up_each_other_and_nobody_else
    a_run_that_died_with_three_workers_is_done_again_alone
    who_was_accused_and_put_off_comes_back_beside_others
    an_event_that_kills_its_workers_is_found_out_and_its_neighbours_are_done
}
