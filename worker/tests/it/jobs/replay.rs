//! Events of the log run once more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::origin::Origin;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::HandlerError;
use worker::parts::records::Question;
use worker::parts::records::dead_letters::State;
use worker::parts::records::jobs::{Job, Kind, Scope};

use super::rig::{Bulk, look_again};
use crate::harness::{Admin, Probe, deal, wait_for_verdicts, within};

pub(crate) fn all(force: bool) -> Scope {
    Scope::Events { question: Question { since_ms: Some(0), ..Question::default() }, force }
}

/// Waits until the log knows of that many events: it is written beside the work.
pub(crate) async fn logged(bulk: &Bulk, events: i64) {
    while bulk.jobs.plan(&all(false), i64::MAX).await.unwrap().count < events {
        look_again().await;
    }
}

async fn done(bulk: &Bulk, ids: std::ops::RangeInclusive<u64>) {
    let count = ids.clone().count();
    for id in ids {
        bulk.rig.publish(&deal(id)).await;
    }
    bulk.probe.wait(count).await;
    logged(bulk, i64::try_from(count).unwrap()).await;
}

async fn replayed(bulk: &Bulk, scope: Scope) -> Job {
    let job = bulk.wish(scope, 0).await;
    let runner = bulk.runner();
    // Every handler's run of an event is an end of its own.
    let job = bulk.finished(job.id).await;
    runner.close().await;
    job
}

async fn what_is_completed_stays_so_and_a_new_handler_runs(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.mend();
    done(&bulk, 1..=30).await;
    let job = replayed(&bulk, all(false)).await;
    assert_eq!((job.kind, job.planned, job.published), (Kind::Replay, 30, 30));
    assert_eq!((job.succeeded, job.skipped), (0, 30));
    assert_eq!(bulk.probe.runs().len(), 30);
    // Deployed since: it has missed them all.
    bulk.stop_worker().await;
    let late = Probe::new();
    let noting = late.clone();
    bulk.start(move |registry| {
        let run = move |cx: &worker::Context, event: &shared::senders::hubspot::HubSpotEvent| {
            noting.note(cx, event);
            async { Ok(()) }
        };
        registry.hubspot("late", |_| true, run).unwrap();
    });
    let job = bulk.wish(all(false), 0).await;
    let runner = bulk.runner();
    let job = bulk.finished(job.id).await;
    assert_eq!((job.published, job.succeeded, job.skipped), (30, 30, 30));
    assert_eq!((late.runs().len(), bulk.probe.runs().len()), (30, 30));
    runner.close().await;
    bulk.finish().await;
}

async fn what_was_skipped_is_run_once_when_it_is_replayed(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.mend();
    bulk.stop_worker().await;
    let (needy, is_on) = (Probe::new(), Arc::new(AtomicBool::new(false)));
    let (noting, on) = (needy.clone(), Arc::clone(&is_on));
    bulk.start(move |registry| {
        let run = move |cx: &worker::Context, event: &shared::senders::hubspot::HubSpotEvent| {
            let (before, on) = (noting.note(cx, event), on.load(Ordering::SeqCst));
            let fails = before == 0 && event.object_id == Some(1);
            async move {
                match (on, fails) {
                    (true, _) => Ok(()),
                    (_, true) => Err(HandlerError::transient("TEST_5XX", "once")),
                    _ => Err(HandlerError::skipped("TEST_NOT_CONFIGURED", "it is off")),
                }
            }
        };
        registry.hubspot("needy", |_| true, run).unwrap();
    });
    // One that was skipped at its second attempt, and one that HubSpot sent twice.
    for id in [1, 2, 2] {
        bulk.rig.publish(&deal(id)).await;
    }
    let question =
        Question { since_ms: Some(0), verdict: Some("skipped".to_owned()), ..Question::default() };
    let skipped = Scope::Events { question, force: false };
    wait_for_verdicts(bulk.worker.as_ref().unwrap(), "skipped", 3).await;
    within("the log", async {
        while bulk.jobs.plan(&skipped, i64::MAX).await.unwrap().count < 2 {
            look_again().await;
        }
    })
    .await;

    is_on.store(true, Ordering::SeqCst);
    let job = bulk.wish(skipped, 0).await;
    let runner = bulk.runner();
    // The other handler has done both; the first event is sent to whom skipped it, and to all.
    let job = bulk.finished(job.id).await;
    assert_eq!((job.planned, job.published, job.runs), (2, 2, 4));
    assert_eq!((job.succeeded, job.skipped), (2, 2));
    runner.close().await;
    for id in [1, 2] {
        bulk.rig.publish(&deal(id)).await;
    }
    // Of both handlers: the second of HubSpot's, three of the replay's, and these.
    let done = ["verdict=\"duplicate\"", "verdict=\"stale\""];
    let admin = Admin::of(bulk.worker.as_ref().unwrap());
    admin.wait_for("hubline_deliveries_total", &done, 8).await;
    let attempts: Vec<(u64, u32)> =
        needy.runs().iter().map(|run| (run.object_id, run.attempt)).collect();
    let of = |id| attempts.iter().filter(move |run| run.0 == id).map(|run| run.1);
    assert_eq!(of(1).collect::<Vec<_>>(), [0, 1, 1]);
    assert_eq!(of(2).collect::<Vec<_>>(), [0, 0, 0]);
    bulk.finish().await;
}

async fn by_force_all_of_it_runs_again(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.mend();
    done(&bulk, 1..=25).await;
    for round in 1..=2 {
        let job = replayed(&bulk, all(true)).await;
        assert_eq!((job.kind, job.published, job.succeeded), (Kind::ForcedReplay, 25, 25));
        assert_eq!(bulk.probe.runs().len(), 25 + 25 * round);
    }
    bulk.finish().await;
}

async fn an_event_with_many_lines_is_replayed_once_and_its_letter_is_resolved(
    engine: DatabaseEngine,
) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=4).await;
    // HubSpot comes again: more lines of the same events.
    for id in 1..=4 {
        bulk.rig.publish(&deal(id)).await;
    }
    wait_for_verdicts(bulk.worker.as_ref().unwrap(), "stale", 4).await;
    logged(&bulk, 4).await;
    bulk.mend();
    let verdict = Some("permanent".to_owned());
    let question = Question { since_ms: Some(0), verdict, ..Question::default() };
    let job = bulk.wish(Scope::Events { question, force: false }, 0).await;
    let runner = bulk.runner();
    // Where it was given up, and for whoever else may want it.
    let job = bulk.finished(job.id).await;
    assert_eq!((job.planned, job.published, job.runs), (4, 4, 4));
    // What it was given up by is not told that there was nothing to do besides.
    assert_eq!((job.succeeded, job.skipped), (4, 0));
    runner.close().await;
    bulk.wait_for(State::Resolved, 4).await;
    bulk.finish().await;
}

async fn only_what_is_asked_for_is_replayed(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.mend();
    done(&bulk, 1..=5).await;
    let of = |question| Scope::Events { question, force: true };
    let since_ms = Some(0);
    let one = Question { since_ms, object_id: Some(3), ..Question::default() };
    assert_eq!(replayed(&bulk, of(one)).await.published, 1);
    assert_eq!(bulk.probe.runs().last().unwrap().object_id, 3);
    let none = Question { since_ms, origin: Some(Origin::hubspot(1)), ..Question::default() };
    assert_eq!(bulk.jobs.plan(&of(none), i64::MAX).await.unwrap().count, 0);
    let none = Question { since_ms, until_ms: Some(1), ..Question::default() };
    assert_eq!(bulk.jobs.plan(&of(none), i64::MAX).await.unwrap().count, 0);
    let unbounded = bulk.jobs.plan(&of(Question::default()), i64::MAX).await;
    assert!(unbounded.unwrap_err().to_string().contains("time"));
    bulk.finish().await;
}

on_every_database! {
    what_was_skipped_is_run_once_when_it_is_replayed
    what_is_completed_stays_so_and_a_new_handler_runs
    by_force_all_of_it_runs_again
    an_event_with_many_lines_is_replayed_once_and_its_letter_is_resolved
    only_what_is_asked_for_is_replayed
}
