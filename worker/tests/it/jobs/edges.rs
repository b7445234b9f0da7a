//! What jobs must not lose, do twice or hang on, found by trying to break them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::broker::{Lane, Publication, Route};
use shared::clock::now_ms;
use shared::message::{Message, OfJob};
use shared::testing::{DatabaseEngine, on_every_database};
use tokio::time::Instant;
use worker::HandlerError;
use worker::parts::records::dead_letters::{Filter, State};
use worker::parts::records::jobs::{Action, Job, JobState, Scope, Wish};

use super::rig::Bulk;
use crate::harness::{PATIENCE, deal, fresh};

async fn put_dead(bulk: &Bulk, message: Message) {
    let publication = Publication { route: Route::Dead, message };
    let deadline = Instant::now() + PATIENCE;
    bulk.rig.publisher.publish(vec![publication], deadline).await.unwrap();
}

fn is_done(job: &Job) -> bool {
    job.state == JobState::Done
}

/// The queue's delivery limit spends no attempt: the letter comes back as it was published.
async fn what_the_broker_gives_up_in_a_retry_is_dead_again(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=1).await;
    bulk.stop_worker().await;
    let letter = bulk.letters.list(&Filter::default(), None, 1).await.unwrap().letters.remove(0);
    let job = bulk.retry(false).await;
    let runner = bulk.runner();
    bulk.wait_for(State::Retried, 1).await;
    let job = bulk.until(job.id, "done", is_done).await;
    let message = Message {
        attempt: u32::try_from(letter.attempt).unwrap(),
        target: Some(letter.target.clone()),
        job: Some(OfJob {
            id: job.id.cast_unsigned(),
            attempt: u32::try_from(letter.attempt).unwrap(),
        }),
        death: None,
        ..fresh(&deal(1))
    };
    put_dead(&bulk, message).await;
    bulk.until(job.id, "nobody knows that it died", |job| job.died == 1).await;
    assert_eq!((bulk.in_state(State::Dead).await, bulk.in_state(State::Retried).await), (1, 0));
    runner.close().await;
    // What was published still is in its queue.
    bulk.mend();
    bulk.start(|_| {});
    bulk.wait_for(State::Resolved, 1).await;
    bulk.finish().await;
}

async fn a_letter_that_nothing_has_to_be_done_for_is_resolved(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    // The app's own write, which the broker could not route.
    let body =
        deal(1).replace("CRM_UI", "INTEGRATION").replacen('{', "{\"sourceId\":\"54321\",", 1);
    put_dead(&bulk, fresh(&body)).await;
    bulk.wait_for(State::Dead, 1).await;
    let runner = bulk.runner();
    let job = bulk.retry(false).await;
    let job = bulk.finished(job.id).await;
    assert_eq!((job.skipped, job.died), (1, 0));
    bulk.wait_for(State::Resolved, 1).await;
    runner.close().await;
    bulk.finish().await;
}

/// Nothing was done, and somebody has still to do it.
async fn a_letter_whose_retry_is_skipped_is_dead_again(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.mend();
    bulk.stop_worker().await;
    let is_off = Arc::new(AtomicBool::new(false));
    let off = Arc::clone(&is_off);
    bulk.start(move |registry| {
        let run = move |_: &worker::Context, _: &shared::senders::hubspot::HubSpotEvent| {
            let off = off.load(Ordering::SeqCst);
            async move {
                if off {
                    return Err(HandlerError::skipped("TEST_NOT_CONFIGURED", "it is off"));
                }
                Err::<(), _>(HandlerError::permanent("TEST_4XX", "not mended yet"))
            }
        };
        registry.hubspot("needy", |_| true, run).unwrap();
    });
    bulk.rig.publish(&deal(1)).await;
    bulk.wait_for(State::Dead, 1).await;
    is_off.store(true, Ordering::SeqCst);
    let runner = bulk.runner();
    let job = bulk.retry(false).await;
    bulk.until(job.id, "nobody knows that nothing was done", |job| job.died == 1).await;
    assert_eq!((bulk.in_state(State::Dead).await, bulk.in_state(State::Retried).await), (1, 0));
    runner.close().await;
    bulk.finish().await;
}

/// Somebody deleted what it was about: there is nothing left to do.
async fn a_letter_whose_retry_finds_its_record_gone_is_resolved(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.mend();
    bulk.stop_worker().await;
    let is_deleted = Arc::new(AtomicBool::new(false));
    let deleted = Arc::clone(&is_deleted);
    bulk.start(move |registry| {
        let run = move |_: &worker::Context, _: &shared::senders::hubspot::HubSpotEvent| {
            let deleted = deleted.load(Ordering::SeqCst);
            async move {
                if deleted {
                    return Err(HandlerError::gone("TEST_404", "no such deal"));
                }
                Err::<(), _>(HandlerError::permanent("TEST_4XX", "not mended yet"))
            }
        };
        registry.hubspot("needy", |_| true, run).unwrap();
    });
    bulk.rig.publish(&deal(1)).await;
    bulk.wait_for(State::Dead, 1).await;
    is_deleted.store(true, Ordering::SeqCst);
    let runner = bulk.runner();
    let job = bulk.retry(false).await;
    bulk.until(job.id, "nobody knows that it is gone", |job| job.skipped == 1).await;
    assert_eq!(bulk.in_state(State::Resolved).await, 1);
    runner.close().await;
    bulk.finish().await;
}

/// A restart that was on its way when all was moved into a cluster has no job there.
async fn a_restart_without_its_job_resolves_the_letter(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=1).await;
    bulk.mend();
    let letter = bulk.letters.list(&Filter::default(), None, 1).await.unwrap().letters.remove(0);
    let message = Message { generation: 7, target: Some(letter.target), ..fresh(&deal(1)) };
    let publication = Publication { route: Route::Ready(Lane::Bulk), message };
    let deadline = Instant::now() + PATIENCE;
    bulk.rig.publisher.publish(vec![publication], deadline).await.unwrap();
    bulk.wait_for(State::Resolved, 1).await;
    bulk.finish().await;
}

async fn what_is_still_to_come_is_in_no_plan(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=1).await;
    bulk.stop_worker().await;
    let job = bulk.retry(false).await;
    let runner = bulk.runner();
    bulk.wait_for(State::Retried, 1).await;
    bulk.until(job.id, "done", is_done).await;
    let filter = Filter { state: Some(State::Retried), ..Filter::default() };
    let scope = Scope::letters(Action::Retry, filter);
    let far_ms = now_ms() + 3_600_000;
    let wish = Wish { scope, cutoff_ms: far_ms, rate: 0, who: "ann".to_owned() };
    let job = bulk.jobs.create(&wish).await.unwrap().unwrap();
    assert!(job.cutoff_ms < far_ms);
    assert_eq!(bulk.until(job.id, "done", is_done).await.published, 1);
    runner.close().await;
    bulk.mend();
    bulk.start(|_| {});
    bulk.wait_for(State::Resolved, 1).await;
    // The other copy finds it done.
    bulk.finished(job.id).await;
    bulk.finished(1).await;
    bulk.finish().await;
}

async fn jobs_of_a_newer_version_are_left_alone_and_hold_nobody_up(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=2).await;
    bulk.mend();
    let mut newer = Vec::new();
    for _ in 0..5 {
        newer.push(bulk.retry(false).await.id);
    }
    let scopes = [
        "UPDATE job SET scope = '{\"orders\":{}}'",
        "UPDATE job SET scope = '{\"letters\":{\"filter\":{\"error_has\":\"x\"},\"action\":\"retry\"}}' \
         WHERE id = 2",
        "UPDATE job SET kind = 'compact' WHERE id = 3",
    ];
    for scope in scopes {
        bulk.database.run(scope).await;
    }
    let job = bulk.retry(false).await;
    let runner = bulk.runner();
    assert_eq!(bulk.finished(job.id).await.published, 2);
    for id in newer {
        let job = bulk.until(id, "read", |job| id == 3 || job.state == JobState::Stopped).await;
        assert_eq!(job.published, 0, "a condition was left out: {job:?}");
        assert!(id == 3 || job.reason.contains("another version"), "{job:?}");
    }
    assert_eq!(bulk.jobs.list(None, 10).await.unwrap().len(), 6);
    runner.close().await;
    bulk.finish().await;
}

async fn more_numbers_than_a_statement_takes_are_refused(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    let ids: Vec<i64> = (1..=70_000).collect();
    let filter = Filter::of(&ids);
    for refused in [
        bulk.jobs.plan(&Scope::letters(Action::Retry, filter.clone()), now_ms()).await,
        bulk.jobs.plan(&Scope::letters(Action::Discard, filter), now_ms()).await,
    ] {
        assert!(refused.unwrap_err().to_string().contains("use a filter"));
    }
    bulk.finish().await;
}

/// A step that a letter names must not be repeated by the retry.
async fn what_dies_again_in_a_retry_keeps_its_steps(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=2).await;
    let runner = bulk.runner();
    let job = bulk.retry(false).await;
    bulk.until(job.id, "died", |job| job.died == 2).await;
    let letters = bulk.letters.list(&Filter::default(), None, 2).await.unwrap().letters;
    let kept: Vec<_> = letters.iter().map(|letter| (&*letter.steps, letter.attempt)).collect();
    assert_eq!(kept, [("first", 2); 2]);
    assert_eq!(bulk.steps.load(Ordering::SeqCst), 2);
    runner.close().await;
    bulk.finish().await;
}

on_every_database! {
    what_the_broker_gives_up_in_a_retry_is_dead_again
    a_letter_that_nothing_has_to_be_done_for_is_resolved
    a_letter_whose_retry_is_skipped_is_dead_again
    a_letter_whose_retry_finds_its_record_gone_is_resolved
    a_restart_without_its_job_resolves_the_letter
    what_is_still_to_come_is_in_no_plan
    jobs_of_a_newer_version_are_left_alone_and_hold_nobody_up
    more_numbers_than_a_statement_takes_are_refused
    what_dies_again_in_a_retry_keeps_its_steps
}
