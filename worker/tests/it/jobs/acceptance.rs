//! All kinds of bulk operation under what can come together: a database that stands still, two who
//! work, and owners that are killed. What was planned is done, each once, and no faster than wanted.

use prometheus_client::registry::Registry;
use shared::broker::Broker;
use shared::clock::now_ms;
use shared::metrics::BrokerMetrics;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};
use shared::trace::Tracer;
use worker::parts::records::dead_letters::{Filter, State};
use worker::parts::records::jobs::{Action, Job, JobState, Jobs, Runner, Scope, Wish};

use super::replay::{all, logged};
use super::rig::{Bulk, until};
use super::standing::Way;
use crate::dead_letters::rig::{Letters, WEEK, carry_out, letter};

/// Letters or events of one job, and how many go out in a second.
const COUNT: i64 = 120;
const RATE: u32 = 40;
/// What one who is killed may have published and not noted.
const BATCH: i64 = 8;

/// Works on a job: kills the first who has it, lets the records stand still for the second, and has a
/// third beside it.
async fn through_all_of_it(
    database: &TestDatabase,
    jobs: &Jobs,
    broker: Option<Broker>,
    job: &Job,
) -> Job {
    let mut way = Way::new(database, jobs).await;
    let runner = |way: &Way| {
        let metrics = BrokerMetrics::register(&mut Registry::default());
        Runner::start(way.jobs(), broker.clone(), None, metrics, &Tracer::default())
    };
    let killed = runner(&way);
    until(jobs, job.id, "it does not begin", |job| job.ended() > 0).await;
    let others = [runner(&way), runner(&way)];
    drop(killed);
    let left = jobs.get(job.id).await.unwrap().unwrap();
    let is_taken = |job: &Job| job.owned_until_ms != left.owned_until_ms || job.state.is_over();
    if until(jobs, job.id, "nobody takes it", is_taken).await.state == JobState::Running {
        way.stand_still_for_a_lease(job.id).await;
    }
    let (began_ms, before) = (now_ms(), jobs.get(job.id).await.unwrap().unwrap().published);
    let is_over = |job: &Job| job.state.is_over() && job.open() == 0;
    let job = until(jobs, job.id, "it does not end", is_over).await;
    assert_eq!((job.state, job.published), (JobState::Done, job.planned), "{job:?}");
    if job.rate > 0 {
        let at_least_ms = (job.published - before - 2 * BATCH).max(0) * 1000 / job.rate;
        assert!(job.state_ms - began_ms >= at_least_ms, "{at_least_ms} after {began_ms}: {job:?}");
    }
    for runner in others {
        runner.close().await;
    }
    job
}

/// Of what a job has published every message but those of the one who was killed came once, and each
/// was done once.
async fn assert_published(bulk: &mut Bulk, job: &Job, runs: usize) {
    assert_eq!(job.planned, COUNT);
    let came = bulk.came(job.id).await;
    assert!((COUNT..=COUNT + BATCH).contains(&came), "{came}: {:?}", bulk.job(job.id).await);
    assert_eq!(bulk.probe.runs().len(), runs);
}

async fn letters(engine: DatabaseEngine, action: Action) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=COUNT.unsigned_abs()).await;
    bulk.mend();
    let job = bulk.wish(Scope::letters(action, Filter::default()), RATE).await;
    let broker = Some(bulk.rig.queues.broker());
    let job = through_all_of_it(&bulk.database, &bulk.jobs, broker, &job).await;
    assert_published(&mut bulk, &job, 240).await;
    bulk.wait_for(State::Resolved, COUNT).await;
    bulk.finish().await;
}

async fn events(engine: DatabaseEngine, force: bool) {
    let mut bulk = Bulk::new(engine).await;
    bulk.mend();
    bulk.rig.publish_all(1..=COUNT.unsigned_abs()).await;
    bulk.probe.wait(120).await;
    logged(&bulk, COUNT).await;
    let job = bulk.wish(all(force), RATE).await;
    let broker = Some(bulk.rig.queues.broker());
    let job = through_all_of_it(&bulk.database, &bulk.jobs, broker, &job).await;
    assert_published(&mut bulk, &job, if force { 240 } else { 120 }).await;
    bulk.finish().await;
}

/// Moved in parts of 2,000.
async fn moved(engine: DatabaseEngine, action: Action) {
    let many = 7000;
    let rig = Letters::new(engine).await;
    let messages: Vec<_> = (1..=many).map(|id| letter(id, "A", "x")).collect();
    rig.index(&messages).await;
    let (count, all) = (many.cast_signed(), Filter::default());
    let (scope, from, to) = match action {
        Action::Restore => {
            let discard = Scope::letters(Action::Discard, all.clone());
            assert_eq!(carry_out(&rig.records, discard, now_ms(), "ann").await, count);
            (Scope::restore(all, WEEK), State::Discarded, State::Dead)
        }
        _ => (Scope::letters(action, all), State::Dead, State::Discarded),
    };
    let jobs = rig.records.jobs();
    let wish = Wish { scope, cutoff_ms: now_ms(), rate: 0, who: "ann".to_owned() };
    let job = jobs.create(&wish).await.unwrap().expect("something to do");
    let job = through_all_of_it(&rig.database, &jobs, None, &job).await;
    assert_eq!((job.planned, job.succeeded), (count, count), "{job:?}");
    assert_eq!((rig.in_state(from).await, rig.in_state(to).await), (0, count));
    rig.assert_counters().await;
    rig.finish().await;
}

async fn a_retry_is_done_as_planned(engine: DatabaseEngine) {
    letters(engine, Action::Retry).await;
}

async fn a_restart_is_done_as_planned(engine: DatabaseEngine) {
    letters(engine, Action::Restart).await;
}

async fn a_replay_is_done_as_planned(engine: DatabaseEngine) {
    events(engine, false).await;
}

async fn a_forced_replay_is_done_as_planned(engine: DatabaseEngine) {
    events(engine, true).await;
}

async fn a_discard_is_done_as_planned(engine: DatabaseEngine) {
    moved(engine, Action::Discard).await;
}

async fn a_restore_is_done_as_planned(engine: DatabaseEngine) {
    moved(engine, Action::Restore).await;
}

on_every_database! {
    a_retry_is_done_as_planned
    a_restart_is_done_as_planned
    a_replay_is_done_as_planned
    a_forced_replay_is_done_as_planned
    a_discard_is_done_as_planned
    a_restore_is_done_as_planned
}
