//! Jobs of which something may still be on its way: nothing of that is called over, and nothing good.

use std::sync::atomic::Ordering;

use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::Question;
use worker::parts::records::dead_letters::{Filter, State};
use worker::parts::records::jobs::{Action, Fate, Job, JobState, Scope};

use super::replay::{all, logged};
use super::rig::{Bulk, look_again};
use crate::harness::{deal, wait_for_verdicts, within};

fn is_done(job: &Job) -> bool {
    job.state == JobState::Done
}

/// All that was given up.
fn given_up() -> Scope {
    let verdict = Some("permanent".to_owned());
    let question = Question { since_ms: Some(0), verdict, ..Question::default() };
    Scope::Events { question, force: false }
}

async fn a_replay_is_not_over_before_what_was_given_up_is(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=1).await;
    logged(&bulk, 1).await;
    bulk.hold_from(1);
    let job = bulk.wish(given_up(), 0).await;
    let runner = bulk.runner();
    // The message to all handlers finds that there is a later attempt.
    bulk.logged(job.id, "stale", 1).await;
    let open = bulk.until(job.id, "it is not done", is_done).await;
    assert_eq!((open.fate(), open.open(), open.ended()), (Some(Fate::Published), 1, 0), "{open:?}");
    bulk.gate.open();
    let job = bulk.finished(job.id).await;
    assert_eq!((job.published, job.runs, job.died, job.skipped), (1, 1, 1, 0), "{job:?}");
    assert_eq!(job.fate(), Some(Fate::Dead));
    runner.close().await;
    bulk.finish().await;
}

async fn an_event_of_two_handlers_is_over_when_both_are(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.mend();
    bulk.stop_worker().await;
    bulk.start(|registry| {
        let run =
            |_: &worker::Context, _: &shared::senders::hubspot::HubSpotEvent| async { Ok(()) };
        registry.hubspot("quick", |_| true, run).unwrap();
    });
    bulk.rig.publish(&deal(1)).await;
    wait_for_verdicts(bulk.worker.as_ref().unwrap(), "succeeded", 2).await;
    logged(&bulk, 1).await;
    bulk.hold_from(1);
    let job = bulk.wish(all(true), 0).await;
    let runner = bulk.runner();
    let half = |job: &Job| is_done(job) && job.succeeded == 1;
    let open = bulk.until(job.id, "one of two", half).await;
    assert_eq!((open.fate(), open.open()), (Some(Fate::Published), 1), "{open:?}");
    bulk.gate.open();
    let job = bulk.finished(job.id).await;
    assert_eq!((job.published, job.runs, job.succeeded), (1, 2, 2), "{job:?}");
    assert_eq!(job.fate(), Some(Fate::Succeeded));
    runner.close().await;
    bulk.finish().await;
}

/// Keeps jobs from noting what they have published.
async fn refuse_notes(bulk: &Bulk) {
    let refuse = match bulk.database.engine() {
        DatabaseEngine::Postgres => {
            "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$ \
             LANGUAGE plpgsql; \
             CREATE TRIGGER letters BEFORE UPDATE OF state ON dead_letter FOR EACH ROW \
             WHEN (NEW.state = 'retried') EXECUTE FUNCTION refuse(); \
             CREATE TRIGGER events BEFORE UPDATE OF place_ms ON job FOR EACH ROW \
             EXECUTE FUNCTION refuse()"
        }
        DatabaseEngine::Sqlite => {
            "CREATE TRIGGER letters BEFORE UPDATE OF state ON dead_letter \
             WHEN NEW.state = 'retried' BEGIN SELECT raise(ABORT, 'refused'); END; \
             CREATE TRIGGER events BEFORE UPDATE OF place_ms ON job \
             BEGIN SELECT raise(ABORT, 'refused'); END"
        }
    };
    bulk.database.run(refuse).await;
}

async fn take_notes(bulk: &Bulk) {
    let take = match bulk.database.engine() {
        DatabaseEngine::Postgres => {
            "DROP TRIGGER letters ON dead_letter; DROP TRIGGER events ON job"
        }
        DatabaseEngine::Sqlite => "DROP TRIGGER letters; DROP TRIGGER events",
    };
    bulk.database.run(take).await;
}

/// Whoever works on a job first is killed when `count` messages are confirmed and none is noted. No
/// worker runs meanwhile.
async fn published_and_killed(bulk: &mut Bulk, job: &Job, count: u32) {
    bulk.stop_worker().await;
    refuse_notes(bulk).await;
    let killed = bulk.runner();
    let published = async {
        while bulk.rig.queues.ready("bulk").await < count {
            look_again().await;
        }
    };
    within("messages in the bulk queue", published).await;
    drop(killed);
    take_notes(bulk).await;
    assert_eq!(bulk.job(job.id).await.state, JobState::Running);
}

async fn is_open_while_one_of_it_is(bulk: &mut Bulk, job: &Job) {
    let runner = bulk.runner();
    let copied = async {
        while bulk.rig.queues.ready("bulk").await < 40 {
            look_again().await;
        }
    };
    within("copies in the bulk queue", copied).await;
    bulk.hold_from(20);
    bulk.mend();
    bulk.start(|_| {});
    bulk.until(job.id, "not done", |job| is_done(job) && job.succeeded == 19).await;
    bulk.logged(job.id, "duplicate", 19).await;
    let open = bulk.job(job.id).await;
    assert_eq!((open.published, open.runs, open.skipped), (20, 20, 0), "{open:?}");
    assert_eq!((open.fate(), open.open()), (Some(Fate::Published), 1), "{open:?}");
    bulk.mended.store(false, Ordering::SeqCst);
    bulk.gate.open();
    let job = bulk.finished(job.id).await;
    assert_eq!((job.succeeded, job.died, job.skipped), (19, 1, 0), "{job:?}");
    assert_eq!(job.fate(), Some(Fate::Dead));
    runner.close().await;
}

async fn copies_of_letters_that_somebody_had_published_are_no_ends(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=20).await;
    let job = bulk.retry(false).await;
    published_and_killed(&mut bulk, &job, 20).await;
    is_open_while_one_of_it_is(&mut bulk, &job).await;
    bulk.finish().await;
}

async fn copies_of_events_that_somebody_had_published_are_no_ends(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.mend();
    bulk.rig.publish_all(1..=20).await;
    bulk.probe.wait(20).await;
    logged(&bulk, 20).await;
    let job = bulk.wish(all(true), 0).await;
    published_and_killed(&mut bulk, &job, 20).await;
    is_open_while_one_of_it_is(&mut bulk, &job).await;
    bulk.finish().await;
}

/// Nobody knows what became of them, but they may be on their way.
async fn what_was_perhaps_published_is_not_dead_in_a_cancelled_job(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=40).await;
    bulk.mend();
    let job = bulk.retry(false).await;
    published_and_killed(&mut bulk, &job, 20).await;
    assert!(bulk.jobs.cancel(job.id, "ann").await.unwrap());
    let runner = bulk.runner();
    let cancelled = bulk.until(job.id, "it goes on", |job| job.state.is_over()).await;
    assert_eq!((cancelled.published, cancelled.open()), (20, 20), "{cancelled:?}");
    assert!(cancelled.reason.contains("20 were being published"), "{cancelled:?}");
    let states = [State::Dead, State::Requested, State::Retried];
    for (state, count) in states.into_iter().zip([20, 0, 20]) {
        assert_eq!(bulk.in_state(state).await, count, "{state}");
    }
    bulk.start(|_| {});
    bulk.wait_for(State::Resolved, 20).await;
    let job = bulk.until(job.id, "not all are told of", |job| job.open() == 0).await;
    assert_eq!((job.published, job.succeeded, job.skipped), (20, 20, 0), "{job:?}");
    runner.close().await;
    bulk.finish().await;
}

/// What is claimed and not published yet is dead again.
async fn what_was_surely_not_published_is_dead_in_a_cancelled_job(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=3).await;
    bulk.stop_worker().await;
    let job = bulk.wish(Scope::letters(Action::Retry, Filter::default()), 0).await;
    bulk.database
        .run(
            "UPDATE dead_letter SET state = 'requested', job_id = 1; \
              UPDATE problem SET dead = 0, requested = 3; UPDATE job SET published = 3",
        )
        .await;
    assert!(bulk.jobs.cancel(job.id, "ann").await.unwrap());
    let runner = bulk.runner();
    let job = bulk.until(job.id, "it goes on", |job| job.state.is_over()).await;
    assert_eq!((job.published, job.open(), &*job.reason), (0, 0, ""), "{job:?}");
    assert_eq!(bulk.in_state(State::Dead).await, 3);
    runner.close().await;
    bulk.finish().await;
}

on_every_database! {
    a_replay_is_not_over_before_what_was_given_up_is
    an_event_of_two_handlers_is_over_when_both_are
    copies_of_letters_that_somebody_had_published_are_no_ends
    copies_of_events_that_somebody_had_published_are_no_ends
    what_was_perhaps_published_is_not_dead_in_a_cancelled_job
    what_was_surely_not_published_is_dead_in_a_cancelled_job
}
