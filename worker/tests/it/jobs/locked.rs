//! Rows that somebody keeps locked and does not come to an end with.

use shared::testing::DatabaseEngine;
use sqlx::{Connection as _, PgConnection};
use worker::parts::records::dead_letters::{Filter, State};
use worker::parts::records::jobs::{Action, JobState, Scope};

use super::rig::Bulk;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_row_is_locked_holds_up_no_other() {
    let bulk = Bulk::new(DatabaseEngine::Postgres).await;
    bulk.die(1..=1).await;
    let locked = bulk.wish(Scope::letters(Action::Discard, Filter::default()), 0).await;
    let other = bulk.wish(Scope::letters(Action::Discard, Filter::default()), 0).await;
    let mut frozen = PgConnection::connect(&bulk.database.url()).await.unwrap();
    let lock = format!("BEGIN; SELECT id FROM job WHERE id = {} FOR UPDATE", locked.id);
    sqlx::raw_sql(sqlx::AssertSqlSafe(lock)).execute(&mut frozen).await.unwrap();
    let runner = bulk.runner();
    let is_done = |job: &worker::parts::records::jobs::Job| job.state == JobState::Done;
    bulk.until(other.id, "it is held up", is_done).await;
    assert_eq!(bulk.in_state(State::Discarded).await, 1);
    assert_eq!(bulk.job(locked.id).await.state, JobState::Running);
    sqlx::raw_sql("ROLLBACK").execute(&mut frozen).await.unwrap();
    bulk.until(locked.id, "it is not looked for again", is_done).await;
    runner.close().await;
    bulk.finish().await;
}
