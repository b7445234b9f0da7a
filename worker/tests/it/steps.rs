//! Steps that are overtaken by the end of their run, and results that are too large.

use std::time::Duration;

use shared::broker::Lane;
use shared::message::{DeathReason, Message};
use worker::Context;

use crate::harness::{Engine, Gate, Probe, Rig, deal, on_every_engine, probed, wait_for_verdicts};

/// What an answer takes that comes only once the run's time is up.
const LATE: Duration = Duration::from_millis(100);

async fn until_its_time_is_up(cx: &Context) {
    while !cx.time_left().is_zero() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn a_step_that_its_handlers_time_overtakes_is_not_done_again(engine: Engine) {
    let rig = Rig::on(engine, &["--handler-timeout", "300ms"]).await;
    let (ordered, told) = (Probe::new(), Probe::new());
    let (order, tell) = (ordered.clone(), told.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let (order, tell) = (order.clone(), tell.clone());
            async move {
                let number: u32 = cx
                    .step("order", async {
                        until_its_time_is_up(&cx).await;
                        tokio::time::sleep(LATE).await;
                        order.note(&cx, &event);
                        Ok(cx.attempt())
                    })
                    .await?;
                // No step begins once the time is up.
                cx.step("tell", async {
                    tell.note(&cx, &event);
                    Ok(())
                })
                .await?;
                assert_eq!(number, 0, "the result of the first run");
                Ok(())
            }
        });
    });
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "retried", 1).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    let attempts = |probe: &Probe| probe.runs().iter().map(|run| run.attempt).collect::<Vec<_>>();
    assert_eq!((attempts(&ordered), attempts(&told)), (vec![0], vec![1]));
    rig.finish().await;
}

async fn a_handler_that_has_done_all_by_the_end_of_its_last_step_has_succeeded(engine: Engine) {
    let rig = Rig::on(engine, &["--handler-timeout", "300ms", "--retry-attempts", "1"]).await;
    let worker = rig.worker(|registry| {
        probed(registry, |cx, _| async move {
            cx.step("order", async {
                until_its_time_is_up(&cx).await;
                tokio::time::sleep(LATE).await;
                Ok(())
            })
            .await
        });
    });
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    rig.finish().await;
}

async fn a_step_that_does_not_end_is_cut_off_after_the_time_of_a_request(engine: Engine) {
    let flags = ["--handler-timeout", "300ms", "--api-timeout", "100ms"];
    let rig = Rig::on(engine, &flags).await;
    let worker = rig.worker(|registry| {
        probed(registry, |cx, _| async move {
            if cx.attempt() == 0 {
                cx.step::<(), _>("order", std::future::pending()).await?;
            }
            Ok(())
        });
    });
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "retried", 1).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    rig.finish().await;
}

async fn a_step_that_shutdown_overtakes_is_not_done_again(engine: Engine) {
    let rig = Rig::on(engine, &["--shutdown-grace", "50ms"]).await;
    let (began, ordered) = (Probe::new(), Probe::new());
    let register = |began: &Probe, ordered: &Probe| {
        let (began, ordered) = (began.clone(), ordered.clone());
        move |registry: &mut worker::Registry| {
            probed(registry, move |cx, event| {
                let (began, ordered) = (began.clone(), ordered.clone());
                async move {
                    let is_first = began.note(&cx, &event) == 0;
                    let is_of_first: bool = cx
                        .step("order", async {
                            if is_first {
                                until_its_time_is_up(&cx).await;
                            }
                            ordered.note(&cx, &event);
                            Ok(is_first)
                        })
                        .await?;
                    assert!(is_of_first, "done again");
                    if is_first {
                        std::future::pending::<()>().await;
                    }
                    Ok(())
                }
            });
        }
    };
    let worker = rig.worker(register(&began, &ordered));
    rig.publish(&deal(1)).await;
    began.wait(1).await;
    worker.stop().await;
    let worker = rig.worker(register(&began, &ordered));
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    assert_eq!((began.runs().len(), ordered.runs().len()), (2, 1));
    assert!(began.runs().iter().all(|run| run.attempt == 0), "an attempt was spent");
    rig.finish().await;
}

async fn what_gave_too_much_is_a_dead_letter_and_not_done_again(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let probe = Probe::new();
    let runs = probe.clone();
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let runs = runs.clone();
            async move {
                let given: String = cx
                    .step("order", async {
                        runs.note(&cx, &event);
                        Ok("x".repeat(20_000))
                    })
                    .await?;
                assert!(given.is_empty(), "it is not remembered");
                Ok(())
            }
        });
    });
    rig.publish(&deal(1)).await;
    for _ in 0..2 {
        let letter = rig.queues.take("dead").await.message.unwrap();
        let death = letter.death.clone().unwrap();
        assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "STEP_TOO_LARGE"));
        assert_eq!(death.error, "step `order` gave 20002 bytes, more than 16384");
        assert_eq!(probe.runs().len(), 1, "done again");
        if letter.attempt == 1 {
            rig.publish_to(Lane::Work, Message { death: None, ..letter }).await;
        }
    }
    worker.stop().await;
    rig.finish().await;
}

async fn a_value_that_is_too_large_is_refused_before_it_is_kept(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let gate = Gate::new();
    let mended = gate.clone();
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, _| {
            let mended = mended.clone();
            async move {
                let length = if cx.attempt() == 0 { 20_000 } else { 5 };
                let kept = cx.keep("order", "x".repeat(length)).await?;
                assert_eq!(kept.len(), length, "kept from before");
                assert_eq!(kept, cx.keep("order", String::new()).await?);
                mended.open();
                Ok(())
            }
        });
    });
    rig.publish(&deal(1)).await;
    let letter = rig.queues.take("dead").await.message.unwrap();
    assert_eq!(letter.death.as_ref().unwrap().code, "STEP_TOO_LARGE");
    rig.publish_to(Lane::Work, Message { death: None, ..letter }).await;
    gate.pass().await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    rig.finish().await;
}

on_every_engine! {
    a_step_that_its_handlers_time_overtakes_is_not_done_again
    a_handler_that_has_done_all_by_the_end_of_its_last_step_has_succeeded
    a_step_that_does_not_end_is_cut_off_after_the_time_of_a_request
    a_step_that_shutdown_overtakes_is_not_done_again
    what_gave_too_much_is_a_dead_letter_and_not_done_again
    a_value_that_is_too_large_is_refused_before_it_is_kept
}
