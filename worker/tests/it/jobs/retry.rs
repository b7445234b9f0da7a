//! Dead letters retried in bulk.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use shared::broker::{Publication, Route};
use shared::clock::now_ms;
use shared::message::{Death, DeathReason, Message};
use shared::testing::{DatabaseEngine, on_every_database};
use tokio::time::Instant;
use worker::parts::records::dead_letters::{Count, Filter, State};
use worker::parts::records::jobs::{Action, JobState, Kind, Scope, Wish};

use super::rig::Bulk;
use crate::harness::{PATIENCE, deal, fresh};

async fn letters_of_what_was_mended_are_retried_where_they_failed(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=50).await;
    let some = bulk.letters.list(&Filter::default(), None, 1).await.unwrap().letters.remove(0);
    assert_eq!((some.attempt, &*some.steps), (1, "first"));
    bulk.mend();
    let job = bulk.retry(false).await;
    assert_eq!((job.kind, job.planned, job.state), (Kind::Retry, 50, JobState::Running));
    let runner = bulk.runner();
    let job = bulk.finished(job.id).await;
    assert_eq!((job.published, job.succeeded, job.died, job.skipped), (50, 50, 0, 0));
    bulk.wait_for(State::Resolved, 50).await;
    // One run more each, and the step that had succeeded was not repeated.
    assert_eq!(bulk.probe.runs().len(), 100);
    assert_eq!(bulk.steps.load(Ordering::SeqCst), 50);
    let shown = bulk.letters.show(some.id).await.unwrap().unwrap();
    assert_eq!((shown.letter.state, shown.letter.job_id), (State::Resolved, Some(job.id)));
    let acts = bulk.letters.audit(1).await.unwrap();
    assert_eq!((&*acts[0].action, &*acts[0].who, acts[0].count), ("retry", "ann", 50));
    runner.close().await;
    bulk.finish().await;
}

async fn a_restart_runs_everything_anew(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=3).await;
    bulk.mend();
    let job = bulk.retry(true).await;
    let runner = bulk.runner();
    let job = bulk.finished(job.id).await;
    assert_eq!((job.kind, job.succeeded), (Kind::Restart, 3));
    bulk.wait_for(State::Resolved, 3).await;
    assert_eq!(bulk.steps.load(Ordering::SeqCst), 6);
    runner.close().await;
    bulk.finish().await;
}

async fn a_job_stops_itself_when_most_die_again(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=60).await;
    let job = bulk.retry(false).await;
    let runner = bulk.runner();
    let stopped = bulk.until(job.id, "the job goes on", |job| job.state != JobState::Running).await;
    assert_eq!(stopped.state, JobState::Stopped, "{stopped:?}");
    // It began with a few, to see how they fare.
    assert_eq!((stopped.published, stopped.died, stopped.succeeded), (20, 20, 0));
    assert!(stopped.reason.contains("died again"), "{}", stopped.reason);
    bulk.wait_for(State::DiedAgain, 20).await;
    assert_eq!(bulk.in_state(State::Dead).await, 60);
    // Mended, it goes on with those it had planned; the new letters are another job's.
    bulk.mend();
    assert!(bulk.jobs.resume(job.id, "bob").await.unwrap());
    let job = bulk.finished(job.id).await;
    assert_eq!((job.published, job.succeeded, job.died), (60, 40, 20));
    bulk.wait_for(State::Dead, 20).await;
    let new = bulk.letters.list(&Filter::default(), None, 1).await.unwrap().letters.remove(0);
    assert!(new.previous_id.is_some(), "{new:?}");
    runner.close().await;
    bulk.finish().await;
}

async fn what_dies_after_the_plan_is_left_alone(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=5).await;
    let cutoff_ms = now_ms();
    while now_ms() == cutoff_ms {
        super::rig::look_again().await;
    }
    bulk.die(6..=8).await;
    bulk.mend();
    let scope = Scope::letters(Action::Retry, Filter::default());
    let wish = Wish { scope, cutoff_ms, rate: 0, who: "ann".to_owned() };
    let job = bulk.jobs.create(&wish).await.unwrap().unwrap();
    assert_eq!(job.planned, 5);
    let runner = bulk.runner();
    assert_eq!(bulk.finished(job.id).await.published, 5);
    assert_eq!(bulk.in_state(State::Dead).await, 3);
    runner.close().await;
    bulk.finish().await;
}

/// A plan of many is not counted twice: the job says what the plan said.
async fn a_job_is_of_as_many_as_the_plan_has_said(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=3).await;
    let scope = Scope::letters(Action::Retry, Filter::default());
    let wish = Wish { scope, cutoff_ms: now_ms(), rate: 0, who: "ann".to_owned() };
    let said = Count { count: 100_000, more: true };
    let job = bulk.jobs.make(&wish, Some(said)).await.unwrap().unwrap();
    assert_eq!((job.planned, job.planned_more), (100_000, true));
    let counted = bulk.jobs.make(&wish, None).await.unwrap().unwrap();
    assert_eq!((counted.planned, counted.planned_more), (3, false));
    // What is gone meanwhile is found to be.
    let other = Filter { code: Some("OTHER".to_owned()), ..Filter::default() };
    let scope = Scope::letters(Action::Retry, other);
    let gone = Wish { scope, ..wish };
    assert!(bulk.jobs.make(&gone, Some(said)).await.unwrap().is_none());
    bulk.finish().await;
}

/// A second click, or the same sent again because the answer was lost: also when the first is long done.
async fn a_plan_that_is_sent_twice_is_one_job(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=3).await;
    bulk.mend();
    let scope = Scope::letters(Action::Retry, Filter::default());
    let wish = Wish { scope, cutoff_ms: now_ms(), rate: 1, who: "ann".to_owned() };
    let said = Some(Count { count: 3, more: false });
    let sending = (0..8).map(|_| bulk.jobs.make(&wish, said));
    let sent = join_all(sending).await;
    let ids: BTreeSet<i64> = sent.into_iter().map(|job| job.unwrap().unwrap().id).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let runner = bulk.runner();
    let job = bulk.finished(*ids.first().unwrap()).await;
    assert_eq!(job.published, 3);
    let late = Wish { rate: 50, ..wish.clone() };
    assert_eq!(bulk.jobs.make(&late, said).await.unwrap().unwrap().id, job.id);
    assert_eq!(bulk.jobs.list(None, 10).await.unwrap().len(), 1);
    // Somebody else's is another, and has nothing to do any more.
    let other = Wish { who: "bob".to_owned(), ..wish };
    assert!(bulk.jobs.make(&other, said).await.unwrap().is_none());
    runner.close().await;
    bulk.finish().await;
}

async fn two_jobs_on_the_same_letters_retry_each_once(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=80).await;
    bulk.mend();
    let (one, other) = (bulk.retry(false).await, bulk.retry(false).await);
    assert_eq!((one.planned, other.planned), (80, 80));
    let runners = (bulk.runner(), bulk.runner());
    let (one, other) = (bulk.finished(one.id).await, bulk.finished(other.id).await);
    assert_eq!(one.published + other.published, 80, "{one:?} {other:?}");
    assert_eq!(bulk.probe.runs().len(), 160);
    bulk.wait_for(State::Resolved, 80).await;
    runners.0.close().await;
    runners.1.close().await;
    bulk.finish().await;
}

/// As what the broker could not route, or gave up: no worker has seen it.
async fn a_letter_without_a_target_is_retried_for_all_of_them(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.mend();
    let death = Death::new(DeathReason::Crashed, "DELIVERY_LIMIT", "x", now_ms());
    let message = Message { death: Some(death), ..fresh(&deal(1)) };
    let publication = Publication { route: Route::Dead, message };
    let deadline = Instant::now() + PATIENCE;
    bulk.rig.publisher.publish(vec![publication], deadline).await.unwrap();
    bulk.wait_for(State::Dead, 1).await;
    let job = bulk.retry(false).await;
    let runner = bulk.runner();
    assert_eq!(bulk.finished(job.id).await.succeeded, 1);
    bulk.wait_for(State::Resolved, 1).await;
    runner.close().await;
    bulk.finish().await;
}

async fn what_makes_no_sense_is_refused(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    let of = |filter| Scope::letters(Action::Retry, filter);
    let wish = |scope| Wish { scope, cutoff_ms: now_ms(), rate: 0, who: String::new() };
    assert!(bulk.jobs.create(&wish(of(Filter::default()))).await.unwrap().is_none());
    let discarded = Filter { state: Some(State::Discarded), ..Filter::default() };
    let refused = bulk.jobs.create(&wish(of(discarded))).await.unwrap_err();
    assert!(refused.to_string().contains("restore"), "{refused}");
    let too_fast = Wish { rate: 10_001, ..wish(of(Filter::default())) };
    assert!(bulk.jobs.create(&too_fast).await.is_err());
    assert!(bulk.jobs.list(None, 10).await.unwrap().is_empty());
    assert!(!bulk.jobs.pause(7, "ann").await.unwrap());
    bulk.finish().await;
}

on_every_database! {
    letters_of_what_was_mended_are_retried_where_they_failed
    a_restart_runs_everything_anew
    a_job_stops_itself_when_most_die_again
    what_dies_after_the_plan_is_left_alone
    a_job_is_of_as_many_as_the_plan_has_said
    a_plan_that_is_sent_twice_is_one_job
    two_jobs_on_the_same_letters_retry_each_once
    a_letter_without_a_target_is_retried_for_all_of_them
    what_makes_no_sense_is_refused
}
