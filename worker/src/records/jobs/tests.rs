//! What is written about a job in the name of somebody who has it no more.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::handle::Jobs;
use super::job::{Job, JobState};
use crate::records::handle::Records;
use crate::records::runs::at_work::AtWork;

/// A replay that `one` has, at its second place.
const JOB: &str = "INSERT INTO job (id, kind, who, scope, filter, cutoff_ms, generation, rate, state, reason, planned, \
    planned_more, published, succeeded, failing, died, skipped, recent, trusted, created_ms, state_ms, place_ms, \
    place_id, owner, owned_until_ms) VALUES (1, 'replay', '', '', '', 0, 1, 0, 'running', '', 9, FALSE, 2, 0, 0, 0, 0, \
    '', FALSE, 0, 0, 2, 2, 'one', 5)";

const ONE: AtWork<'static> = AtWork { job_id: 1, owner: "one" };
const OTHER: AtWork<'static> = AtWork { job_id: 1, owner: "other" };

async fn with_job(engine: DatabaseEngine) -> (TestDatabase, Jobs) {
    let database = TestDatabase::new(engine).await;
    let jobs = Jobs::new(Records::new(&SecretString::from(database.url())).unwrap());
    assert!(jobs.get(1).await.unwrap().is_none());
    database.run(JOB).await;
    (database, jobs)
}

async fn job(jobs: &Jobs) -> Job {
    jobs.get(1).await.unwrap().unwrap()
}

async fn end(database: TestDatabase, jobs: Jobs) {
    jobs.records.close().await;
    database.end().await;
}

async fn nothing_is_written_in_the_name_of_somebody_else(engine: DatabaseEngine) {
    let (database, jobs) = with_job(engine).await;
    let before = job(&jobs).await;
    assert_eq!(jobs.prolong(OTHER).await.unwrap(), None);
    jobs.remark(&before, OTHER, "slow").await.unwrap();
    jobs.advance(OTHER, (3, 3), 1, 1).await.unwrap();
    jobs.let_go(OTHER).await.unwrap();
    assert!(!jobs.end(&before, OTHER, JobState::Done, "").await.unwrap());
    assert_eq!(job(&jobs).await, before);
    end(database, jobs).await;
}

async fn a_place_is_noted_once(engine: DatabaseEngine) {
    let (database, jobs) = with_job(engine).await;
    for _ in 0..2 {
        jobs.advance(ONE, (3, 3), 1, 1).await.unwrap();
    }
    jobs.advance(ONE, (2, 9), 1, 1).await.unwrap();
    let job = job(&jobs).await;
    assert_eq!((job.published, job.skipped, job.place_ms, job.place_id), (3, 1, 3, 3));
    end(database, jobs).await;
}

/// Somebody has cancelled it since whoever works on it has looked.
async fn what_was_turned_meanwhile_stays_so(engine: DatabaseEngine) {
    let (database, jobs) = with_job(engine).await;
    let before = job(&jobs).await;
    assert!(jobs.cancel(1, "ann").await.unwrap());
    jobs.remark(&before, ONE, "slow").await.unwrap();
    assert!(!jobs.end(&before, ONE, JobState::Done, "").await.unwrap());
    let turned = job(&jobs).await;
    assert_eq!((turned.state, &*turned.reason), (JobState::Cancelling, ""));
    assert!(jobs.end(&turned, ONE, JobState::Cancelled, "").await.unwrap());
    assert_eq!(job(&jobs).await.owned_until_ms, 0);
    end(database, jobs).await;
}

on_every_database! {
    nothing_is_written_in_the_name_of_somebody_else
    a_place_is_noted_once
    what_was_turned_meanwhile_stays_so
}
