//! What a replay must not do twice, spend or leave out, found by trying to break it.

use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::State;
use worker::parts::records::jobs::{Job, JobState};
use worker::{Context, HandlerError, Registry};

use super::replay::{all, logged};
use super::rig::Bulk;
use crate::harness::{Probe, deal};

/// Adds a handler that notes its runs, and fails if it is to.
fn noting(registry: &mut Registry, name: &'static str, probe: &Probe, fails: bool) {
    let probe = probe.clone();
    let run = move |cx: &Context, event: &shared::senders::hubspot::HubSpotEvent| {
        probe.note(cx, event);
        async move { if fails { Err(HandlerError::transient("TEST_5XX", "x")) } else { Ok(()) } }
    };
    registry.hubspot(name, |_| true, run).unwrap();
}

async fn what_one_handler_did_is_not_done_again_because_another_was_restarted(
    engine: DatabaseEngine,
) {
    let mut bulk = Bulk::new(engine).await;
    bulk.stop_worker().await;
    let other = Probe::new();
    let probe = other.clone();
    bulk.start(move |registry| noting(registry, "other", &probe, false));
    bulk.die(1..=1).await;
    other.wait(1).await;
    bulk.mend();
    let job = bulk.retry(true).await;
    let runner = bulk.runner();
    bulk.finished(job.id).await;
    bulk.wait_for(State::Resolved, 1).await;
    logged(&bulk, 1).await;
    let job = bulk.wish(all(false), 0).await;
    let job = bulk.until(job.id, "ends", |job| job.ended() >= 2).await;
    assert_eq!((job.succeeded, job.skipped), (0, 2), "{job:?}");
    assert_eq!((other.runs().len(), bulk.probe.runs().len()), (1, 2));
    runner.close().await;
    bulk.finish().await;
}

async fn one_handlers_spent_attempts_are_not_anothers(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.stop_worker().await;
    bulk.mend();
    bulk.rig.settings.processing.retry.retry_attempts = 3;
    let flaky = Probe::new();
    let probe = flaky.clone();
    bulk.start(move |registry| noting(registry, "flaky", &probe, true));
    bulk.rig.publish(&deal(1)).await;
    bulk.wait_for(State::Dead, 1).await;
    bulk.stop_worker().await;
    // One that was deployed since, and has all its attempts.
    let (late, gone) = (Probe::new(), flaky.clone());
    let probe = late.clone();
    bulk.start(move |registry| {
        noting(registry, "flaky", &gone, true);
        noting(registry, "late", &probe, true);
    });
    let job = bulk.wish(all(false), 0).await;
    let runner = bulk.runner();
    bulk.until(job.id, "died", |job| job.died == 2).await;
    assert_eq!((flaky.runs().len(), late.runs().len()), (4, 3));
    // What dies again has one letter that waits for somebody, and not two.
    bulk.wait_for(State::Dead, 2).await;
    assert_eq!(bulk.in_state(State::DiedAgain).await, 1);
    runner.close().await;
    bulk.finish().await;
}

async fn a_replay_by_force_works_with_a_new_job_table_as_well(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.mend();
    bulk.rig.publish(&deal(1)).await;
    bulk.probe.wait(1).await;
    logged(&bulk, 1).await;
    let runner = bulk.runner();
    let first = bulk.wish(all(true), 0).await;
    bulk.until(first.id, "ends", |job| job.ended() == 1).await;
    let begin_anew = match engine {
        DatabaseEngine::Postgres => {
            "DELETE FROM job; DELETE FROM job_run; ALTER TABLE job ALTER COLUMN id RESTART WITH 1"
        }
        DatabaseEngine::Sqlite => {
            "DELETE FROM job; DELETE FROM job_run; DELETE FROM sqlite_sequence WHERE name = 'job'"
        }
    };
    bulk.database.run(begin_anew).await;
    // Two in one second have generations of their own while the table is there; now it is not.
    while shared::clock::now_ms() / 1000 == first.created_ms / 1000 {
        super::rig::look_again().await;
    }
    let job = bulk.wish(all(true), 0).await;
    assert_eq!(bulk.until(job.id, "ends", |job| job.ended() >= 1).await.succeeded, 1);
    runner.close().await;
    bulk.finish().await;
}

/// A worker's log can be late: a line comes in where the job has been already.
async fn an_event_is_neither_left_out_nor_sent_twice_because_of_a_late_line(
    engine: DatabaseEngine,
) {
    let mut bulk = Bulk::new(engine).await;
    bulk.mend();
    for id in 1..=30 {
        bulk.rig.publish(&deal(id)).await;
    }
    bulk.probe.wait(30).await;
    logged(&bulk, 30).await;
    bulk.stop_worker().await;
    let job = bulk.wish(all(false), 0).await;
    let runner = bulk.runner();
    bulk.until(job.id, "the first few", |job| job.published == 20).await;
    let late_ms = shared::clock::now_ms() + 1000;
    // Or where it comes to before the line that was there in time.
    for (id, settled_ms) in
        [("min(id) - 5", "min(settled_ms) - 1"), ("max(id) - 1", "max(settled_ms)")]
    {
        bulk.database
            .run(&format!(
                "INSERT INTO event_log (day, id, identity, origin, type, object_id, received_ms, \
                 started_ms, settled_ms, attempt, generation, target, verdict, logged_ms) \
                 SELECT day, (SELECT {id} FROM event_log), identity, origin, type, object_id, \
                 received_ms, started_ms, (SELECT {settled_ms} FROM event_log), 0, 0, 'elsewhere', \
                 'succeeded', {late_ms} FROM event_log WHERE id = (SELECT max(id) FROM event_log)"
            ))
            .await;
    }
    bulk.start(|_| {});
    let over = |job: &Job| job.state == JobState::Done && job.ended() >= 30;
    let job = bulk.until(job.id, "done", over).await;
    assert_eq!((job.planned, job.published), (30, 30), "{job:?}");
    runner.close().await;
    bulk.finish().await;
}

on_every_database! {
    what_one_handler_did_is_not_done_again_because_another_was_restarted
    one_handlers_spent_attempts_are_not_anothers
    a_replay_by_force_works_with_a_new_job_table_as_well
    an_event_is_neither_left_out_nor_sent_twice_because_of_a_late_line
}
