//! Jobs that publish what still fails: they stop by themselves, and nothing is called good that is not.

use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::State;
use worker::parts::records::jobs::{Fate, Job, JobState};

use super::replay::{all, logged};
use super::rig::Bulk;

/// Follows a job that publishes 60 of what is tried again for hours, instead of dying.
async fn stops_and_goes_on_once_it_is_mended(bulk: &Bulk, job: &Job) {
    let runner = bulk.runner();
    let stopped = bulk.until(job.id, "it goes on", |job| job.state != JobState::Running).await;
    assert_eq!((stopped.state, stopped.published), (JobState::Stopped, 20), "{stopped:?}");
    assert_eq!((stopped.succeeded, stopped.died), (0, 0), "{stopped:?}");
    assert!(stopped.failing > 0 && stopped.failing <= 20, "{stopped:?}");
    assert!(stopped.reason.contains("of the last 20 runs failed"), "{}", stopped.reason);
    bulk.until(job.id, "not all fail", |job| job.failing == 20).await;
    bulk.mend();
    // What was published goes on by itself.
    let is_well = |job: &Job| (job.failing, job.succeeded) == (0, 20);
    bulk.until(job.id, "they fail still", is_well).await;
    assert!(bulk.jobs.resume(job.id, "bob").await.unwrap());
    let job = bulk.finished(job.id).await;
    assert_eq!((job.published, job.succeeded, job.failing, job.died), (60, 60, 0, 0), "{job:?}");
    assert_eq!(job.fate(), Some(Fate::Succeeded));
    runner.close().await;
}

async fn a_restart_of_what_still_fails_stops_by_itself(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=60).await;
    bulk.fail_for_now().await;
    let job = bulk.retry(true).await;
    stops_and_goes_on_once_it_is_mended(&bulk, &job).await;
    bulk.wait_for(State::Resolved, 60).await;
    bulk.finish().await;
}

async fn a_retry_of_what_still_fails_stops_by_itself(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=60).await;
    bulk.fail_for_now().await;
    let job = bulk.retry(false).await;
    stops_and_goes_on_once_it_is_mended(&bulk, &job).await;
    bulk.wait_for(State::Resolved, 60).await;
    bulk.finish().await;
}

async fn a_replay_of_what_still_fails_stops_by_itself(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.mend();
    bulk.rig.publish_all(1..=60).await;
    bulk.probe.wait(60).await;
    logged(&bulk, 60).await;
    bulk.fail_for_now().await;
    let job = bulk.wish(all(true), 0).await;
    stops_and_goes_on_once_it_is_mended(&bulk, &job).await;
    bulk.finish().await;
}

async fn nothing_goes_on_without_a_first_success(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=50).await;
    bulk.stop_worker().await;
    bulk.mend();
    let job = bulk.retry(false).await;
    let runner = bulk.runner();
    let waiting = bulk.until(job.id, "no word", |job| job.reason.contains("first success")).await;
    assert_eq!((waiting.state, waiting.published), (JobState::Running, 20), "{waiting:?}");
    // Whoever has seen that may let it go on all the same.
    assert!(bulk.jobs.pause(job.id, "ann").await.unwrap());
    assert!(bulk.jobs.resume(job.id, "ann").await.unwrap());
    let job = bulk.until(job.id, "it waits", |job| job.published == 50).await;
    assert_eq!(job.ended(), 0, "{job:?}");
    bulk.start(|_| {});
    let job = bulk.finished(job.id).await;
    assert_eq!((job.succeeded, job.fate()), (50, Some(Fate::Succeeded)));
    runner.close().await;
    bulk.finish().await;
}

/// What is done already tells nothing of what is not.
async fn what_had_nothing_to_do_is_no_success(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.mend();
    bulk.rig.publish_all(1..=100).await;
    bulk.probe.wait(100).await;
    logged(&bulk, 100).await;
    bulk.stop_worker().await;
    let job = bulk.wish(all(false), 0).await;
    let runner = bulk.runner();
    bulk.until(job.id, "no word", |job| job.reason.contains("first success")).await;
    bulk.start(|_| {});
    let job = bulk.finished(job.id).await;
    assert_eq!((job.published, job.succeeded, job.skipped), (100, 0, 100), "{job:?}");
    assert_eq!(job.fate(), Some(Fate::NothingToDo));
    runner.close().await;
    bulk.finish().await;
}

on_every_database! {
    a_restart_of_what_still_fails_stops_by_itself
    a_retry_of_what_still_fails_stops_by_itself
    a_replay_of_what_still_fails_stops_by_itself
    nothing_goes_on_without_a_first_success
    what_had_nothing_to_do_is_no_success
}
