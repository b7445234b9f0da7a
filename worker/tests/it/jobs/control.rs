//! Jobs that are told to wait, go on or end.

use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::{Filter, State};
use worker::parts::records::jobs::{Action, JobState, Scope};

use super::rig::Bulk;

async fn a_job_waits_and_goes_on_as_it_is_told(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    // Ten seconds of work: it is paused before it is through.
    bulk.die(1..=50).await;
    bulk.mend();
    let scope = Scope::letters(Action::Retry, Filter::default());
    let job = bulk.wish(scope, 5).await;
    assert!(bulk.jobs.pause(job.id, "ann").await.unwrap());
    assert!(!bulk.jobs.pause(job.id, "ann").await.unwrap());
    let runner = bulk.runner();
    assert!(bulk.jobs.resume(job.id, "bob").await.unwrap());
    bulk.until(job.id, "nothing is published", |job| job.published >= 2).await;
    assert!(bulk.jobs.pause(job.id, "ann").await.unwrap());
    let let_go = |job: &worker::parts::records::jobs::Job| job.owned_until_ms == 0;
    let paused = bulk.until(job.id, "it is held", let_go).await;
    assert_eq!(paused.state, JobState::Paused);
    assert!(paused.published < 50, "{paused:?}");
    assert!(bulk.jobs.resume(job.id, "bob").await.unwrap());
    let job = bulk.finished(job.id).await;
    assert_eq!((job.published, job.succeeded), (50, 50));
    // It took its time: five a second, whatever it was told in between.
    assert!(job.state_ms - job.created_ms >= 6000, "{job:?}");
    assert!(!bulk.jobs.cancel(job.id, "ann").await.unwrap());
    let actions: Vec<String> =
        bulk.letters.audit(5).await.unwrap().into_iter().map(|act| act.action).collect();
    assert_eq!(actions, ["resume", "pause", "resume", "pause", "retry"]);
    runner.close().await;
    bulk.finish().await;
}

async fn a_cancelled_job_gives_back_what_it_has_not_published(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=40).await;
    bulk.stop_worker().await;
    bulk.mend();
    let job = bulk.retry(false).await;
    let runner = bulk.runner();
    // Nobody works: after the first few it waits to see how they fare.
    bulk.wait_for(State::Retried, 20).await;
    assert!(bulk.jobs.cancel(job.id, "ann").await.unwrap());
    let cancelled = bulk.until(job.id, "it goes on", |job| job.state.is_over()).await;
    assert_eq!((cancelled.state, cancelled.published), (JobState::Cancelled, 20));
    assert_eq!(bulk.in_state(State::Requested).await, 0);
    assert_eq!((bulk.in_state(State::Dead).await, bulk.in_state(State::Retried).await), (20, 20));
    // What was published is done all the same.
    bulk.start(|_| {});
    bulk.wait_for(State::Resolved, 20).await;
    // And nothing of it came back into the cancelled job.
    assert_eq!(bulk.job(job.id).await.succeeded, 20);
    runner.close().await;
    bulk.finish().await;
}

async fn a_job_that_nobody_works_on_can_be_cancelled(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=3).await;
    let job = bulk.retry(false).await;
    assert!(bulk.jobs.cancel(job.id, "ann").await.unwrap());
    let runner = bulk.runner();
    let cancelled = bulk.until(job.id, "it is not", |job| job.state.is_over()).await;
    assert_eq!((cancelled.state, cancelled.published), (JobState::Cancelled, 0));
    assert_eq!(bulk.in_state(State::Dead).await, 3);
    runner.close().await;
    bulk.finish().await;
}

on_every_database! {
    a_job_waits_and_goes_on_as_it_is_told
    a_cancelled_job_gives_back_what_it_has_not_published
    a_job_that_nobody_works_on_can_be_cancelled
}
