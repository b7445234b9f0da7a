//! A job has one owner at a time, and a generation of its own.

use std::collections::BTreeSet;

use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::{AtWork, ClaimOf, Filter, State};
use worker::parts::records::jobs::JobState;

use super::rig::Bulk;

/// Whoever was slow, and has lost the job meanwhile.
async fn nobody_claims_for_a_job_that_is_over(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=3).await;
    let job = bulk.retry(false).await;
    assert!(bulk.jobs.cancel(job.id, "ann").await.unwrap());
    let runner = bulk.runner();
    bulk.until(job.id, "cancelled", |job| job.state == JobState::Cancelled).await;
    let filter = Filter::default();
    let claim = ClaimOf {
        at: AtWork { job_id: job.id, owner: "whoever" },
        filter: &filter,
        cutoff_ms: job.cutoff_ms,
        after: i64::MIN,
        limit: 10,
    };
    assert_eq!(bulk.letters.claim_for_job(claim).await.unwrap(), 0);
    assert_eq!((bulk.in_state(State::Dead).await, bulk.job(job.id).await.published), (3, 0));
    runner.close().await;
    bulk.finish().await;
}

/// Whoever was slow, and finds that another has its job.
async fn nobody_writes_for_a_job_that_is_somebody_elses(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=3).await;
    bulk.stop_worker().await;
    let job = bulk.retry(false).await;
    let filter = Filter::default();
    let claim_of = |owner| ClaimOf {
        at: AtWork { job_id: job.id, owner },
        filter: &filter,
        cutoff_ms: job.cutoff_ms,
        after: i64::MIN,
        limit: 2,
    };
    let (one, other) = (claim_of("one"), claim_of("other"));
    let take = |owner| format!("UPDATE job SET owner = '{owner}', owned_until_ms = 1");
    bulk.database.run(&take("one")).await;
    assert_eq!(bulk.letters.claim_for_job(one).await.unwrap(), 2);
    bulk.database.run(&take("other")).await;
    let claimed = bulk.letters.claimed(job.id).await.unwrap();
    let ids: Vec<i64> = claimed.iter().map(|claimed| claimed.letter.id).collect();
    assert_eq!(bulk.letters.claim_for_job(one).await.unwrap(), 0);
    assert_eq!(bulk.letters.mark_retried(one.at, &ids).await.unwrap(), 0);
    assert_eq!(bulk.letters.give_back(one.at).await.unwrap(), 0);
    assert_eq!((bulk.in_state(State::Requested).await, bulk.job(job.id).await.published), (2, 2));
    assert_eq!(bulk.letters.mark_retried(other.at, &ids[..1]).await.unwrap(), 1);
    assert_eq!(bulk.letters.give_back(other.at).await.unwrap(), 1);
    assert_eq!((bulk.in_state(State::Dead).await, bulk.job(job.id).await.published), (2, 1));
    bulk.finish().await;
}

async fn jobs_that_are_made_at_once_have_generations_of_their_own(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=1).await;
    let wish = || async { bulk.retry(true).await.generation };
    let made = futures_util::future::join_all((0..20).map(|_| wish())).await;
    let distinct: BTreeSet<i64> = made.iter().copied().collect();
    assert_eq!(distinct.len(), made.len(), "{made:?}");
    bulk.finish().await;
}

on_every_database! {
    nobody_claims_for_a_job_that_is_over
    nobody_writes_for_a_job_that_is_somebody_elses
    jobs_that_are_made_at_once_have_generations_of_their_own
}
