//! Retries, dead letters and duplicates, end to end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::message::DeathReason;
use worker::HandlerError;

use crate::harness::{Admin, Engine, Probe, Rig, deal, on_every_engine, probed, wait_for_verdicts};

async fn an_event_delivered_three_times_is_done_once(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let probe = Probe::new();
    let runs = probe.clone();
    let worker = rig.worker(|registry| {
        registry
            .hubspot(
                "noted",
                |_| true,
                move |cx: &_, event: &_| {
                    runs.note(cx, event);
                    async { Ok(()) }
                },
            )
            .unwrap();
    });
    // As HubSpot sends it again: another attemptNumber, other companions.
    for attempt in 0..3 {
        let again = deal(1).replace("\"attemptNumber\":0", &format!("\"attemptNumber\":{attempt}"));
        rig.publish(&again).await;
    }
    let other = rig.publish(&deal(2)).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    wait_for_verdicts(&worker, "duplicate", 2).await;
    worker.stop().await;
    let runs = probe.runs();
    assert_eq!(runs.len(), 2, "{runs:?}");
    assert!(runs.iter().any(|run| run.identity == other.event.identity.to_string()));
    rig.finish().await;
}

async fn transient_failures_are_retried_on_schedule_until_they_pass(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let probe = Probe::new();
    let runs = probe.clone();
    let worker = rig.worker(|registry| {
        registry
            .hubspot(
                "thrice",
                |_| true,
                move |cx: &_, event: &_| {
                    let before = runs.note(cx, event);
                    async move {
                        if before < 3 {
                            return Err(HandlerError::transient("TEST_5XX", "not yet"));
                        }
                        Ok(())
                    }
                },
            )
            .unwrap();
    });
    rig.publish(&deal(1)).await;
    let runs = probe.wait(4).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    let attempts: Vec<u32> = runs.iter().map(|run| run.attempt).collect();
    assert_eq!(attempts, [0, 1, 2, 3]);
    // Lower bounds only: a message waits at least nine tenths of the schedule's delay.
    for (pair, least) in runs.windows(2).zip([45, 90, 180]) {
        let waited = pair[1].at - pair[0].at;
        assert!(waited >= Duration::from_millis(least), "{waited:?} < {least} ms");
    }
    rig.finish().await;
}

async fn exhausted_and_permanent_failures_end_in_the_dead_letters_with_their_bytes(engine: Engine) {
    let rig = Rig::on(engine, &["--retry-attempts", "2"]).await;
    let worker = rig.worker(|registry| {
        registry
            .hubspot(
                "fails",
                |_| true,
                |_: &_, event: &shared::senders::hubspot::HubSpotEvent| {
                    let permanent = event.object_id == Some(1);
                    async move {
                        Err(if permanent {
                            HandlerError::permanent("TEST_422", "never")
                        } else {
                            HandlerError::transient("TEST_5XX", "not today")
                        })
                    }
                },
            )
            .unwrap();
    });
    for (id, reason, code, attempt) in
        [(1, DeathReason::Permanent, "TEST_422", 1), (2, DeathReason::Exhausted, "TEST_5XX", 2)]
    {
        let published = rig.publish(&deal(id)).await;
        let letter = rig.queues.take("dead").await.message.unwrap();
        let death = letter.death.clone().unwrap();
        assert_eq!((death.reason, death.code.as_str()), (reason, code));
        assert_eq!(letter.target.as_deref(), Some("fails"));
        assert_eq!((letter.attempt, letter.event), (attempt, published.event));
        assert!(!death.error.is_empty() && death.dead_ms >= letter.received_ms);
    }
    worker.stop().await;
    rig.finish().await;
}

async fn a_retry_after_is_honoured(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    // In the first case one queue will do (200 ms), in the second it takes several stays.
    for (id, wait_ms, hops) in [(1, 190, 0), (2, 800, 3)] {
        let (probe, wait) = (Probe::new(), Duration::from_millis(wait_ms));
        let runs = probe.clone();
        let worker = rig.worker(|registry| {
            probed(registry, move |cx, event| {
                let before = runs.note(&cx, &event);
                async move {
                    if before == 0 {
                        return Err(HandlerError::retry_after(wait, "TEST_429", "slow down"));
                    }
                    Ok(())
                }
            });
        });
        rig.publish(&deal(id)).await;
        let runs = probe.wait(2).await;
        wait_for_verdicts(&worker, "succeeded", 1).await;
        let waited = runs[1].at - runs[0].at;
        assert!(waited >= wait, "{waited:?}");
        assert_eq!(runs[1].attempt, 1);
        let admin = Admin::of(&worker);
        let hops = if engine == Engine::Cluster { hops } else { 0 };
        assert_eq!(admin.sum("hubline_delay_hops_total", &[]).await, hops);
        // Nothing else has happened to it on its way.
        assert_eq!(admin.sum("hubline_deliveries_total", &[]).await, 2);
        assert_eq!(admin.sum("hubline_retries_total", &[]).await, 1);
        worker.stop().await;
    }
    rig.finish().await;
}

async fn a_failing_target_travels_on_alone(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let (slack, erp) = (Probe::new(), Probe::new());
    let (slack_runs, erp_runs) = (slack.clone(), erp.clone());
    let worker = rig.worker(|registry| {
        registry
            .hubspot(
                "slack",
                |_| true,
                move |cx: &_, event: &_| {
                    let before = slack_runs.note(cx, event);
                    async move {
                        if before < 2 {
                            return Err(HandlerError::transient("SLACK_5XX", "down"));
                        }
                        Ok(())
                    }
                },
            )
            .unwrap()
            .hubspot(
                "erp",
                |_| true,
                move |cx: &_, event: &_| {
                    erp_runs.note(cx, event);
                    async { Ok(()) }
                },
            )
            .unwrap();
    });
    rig.publish(&deal(1)).await;
    slack.wait(3).await;
    worker.stop().await;
    assert_eq!(erp.runs().len(), 1);
    rig.finish().await;
}

async fn a_panic_is_a_transient_failure_of_that_event_alone(engine: Engine) {
    let rig = Rig::on(engine, &["--retry-attempts", "2"]).await;
    let probe = Probe::new();
    let runs = probe.clone();
    let worker = rig.worker(|registry| {
        registry
            .hubspot(
                "panics",
                |_| true,
                move |cx: &_, event: &shared::senders::hubspot::HubSpotEvent| {
                    runs.note(cx, event);
                    let bad = event.object_id == Some(1);
                    async move {
                        assert!(!bad, "no such luck");
                        Ok(())
                    }
                },
            )
            .unwrap();
    });
    for id in 1..=5 {
        rig.publish(&deal(id)).await;
    }
    let letter = rig.queues.take("dead").await.message.unwrap();
    let death = letter.death.unwrap();
    assert_eq!((death.reason, death.code.as_str()), (DeathReason::Exhausted, "PANIC"));
    assert!(death.error.contains("no such luck"), "{}", death.error);
    probe.wait(6).await;
    worker.stop().await;
    assert_eq!(probe.runs().iter().filter(|run| run.object_id == 1).count(), 2);
    rig.finish().await;
}

async fn a_handler_that_hangs_is_ended_and_retried(engine: Engine) {
    let rig = Rig::on(engine, &["--handler-timeout", "200ms"]).await;
    let probe = Probe::new();
    let runs = probe.clone();
    let worker = rig.worker(|registry| {
        registry
            .hubspot(
                "hangs",
                |_| true,
                move |cx: &_, event: &_| {
                    let before = runs.note(cx, event);
                    async move {
                        if before == 0 {
                            std::future::pending::<()>().await;
                        }
                        Ok(())
                    }
                },
            )
            .unwrap();
    });
    rig.publish(&deal(1)).await;
    let runs = probe.wait(2).await;
    assert_eq!(runs[1].attempt, 1);
    worker.stop().await;
    rig.finish().await;
}

async fn steps_that_succeeded_are_not_repeated(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let (first, runs) = (Probe::new(), Probe::new());
    let (first_noted, noted) = (first.clone(), runs.clone());
    let orders = Arc::new(Mutex::new(Vec::new()));
    let given = Arc::clone(&orders);
    let worker = rig.worker(|registry| {
        registry
            .hubspot(
                "steps",
                |_| true,
                move |cx: &worker::Context, event: &shared::senders::hubspot::HubSpotEvent| {
                    let before = noted.note(cx, event);
                    let (cx, event, first) = (cx.clone(), event.clone(), first_noted.clone());
                    let given = Arc::clone(&given);
                    async move {
                        let order: u64 = cx
                            .step("order", async {
                                first.note(&cx, &event);
                                Ok(42 + before as u64)
                            })
                            .await?;
                        given.lock().unwrap().push(order);
                        if before < 2 {
                            return Err(HandlerError::transient("TEST_5XX", "after the step"));
                        }
                        Ok(())
                    }
                },
            )
            .unwrap();
    });
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    assert_eq!((first.runs().len(), runs.runs().len()), (1, 3));
    assert_eq!(*orders.lock().unwrap(), [42; 3], "the first run's result, each time");
    rig.finish().await;
}

on_every_engine! {
    an_event_delivered_three_times_is_done_once
    transient_failures_are_retried_on_schedule_until_they_pass
    exhausted_and_permanent_failures_end_in_the_dead_letters_with_their_bytes
    a_retry_after_is_honoured
    a_failing_target_travels_on_alone
    a_panic_is_a_transient_failure_of_that_event_alone
    a_handler_that_hangs_is_ended_and_retried
    steps_that_succeeded_are_not_repeated
}
