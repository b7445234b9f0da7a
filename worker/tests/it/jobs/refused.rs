//! Jobs whose records refuse a write: nothing is done without knowing how the job stands, and what is
//! published and not noted is not left to another.

use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::State;

use super::rig::{Bulk, look_again};
use crate::harness::within;

/// Counts what it refuses: a sequence goes on although the rest of a statement is undone.
pub(super) const COUNTED: &str = "CREATE SEQUENCE refusals; CREATE FUNCTION refuse() RETURNS trigger AS $$ \
    BEGIN IF nextval('refusals') > TG_ARGV[0]::int THEN RETURN NEW; END IF; \
    RAISE EXCEPTION 'refused'; END $$ LANGUAGE plpgsql; ";

/// Letters of a job that is not begun, and nobody who runs what it publishes.
pub(super) async fn a_job(bulk: &mut Bulk, letters: u64) -> i64 {
    bulk.die(1..=letters).await;
    bulk.stop_worker().await;
    bulk.mend();
    bulk.retry(false).await.id
}

/// From now on it is refused so many times to note what is published.
async fn refuse_noting(bulk: &Bulk, times: u32) {
    let noting = format!(
        "CREATE TRIGGER refuse BEFORE UPDATE OF state ON dead_letter FOR EACH ROW \
         WHEN (NEW.state = 'retried') EXECUTE FUNCTION refuse({times})"
    );
    bulk.database.run(&[COUNTED, &noting].concat()).await;
}

/// Waits for so many refusals.
pub(super) async fn refused(bulk: &Bulk, count: i64) {
    let so_far = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM refusals";
    let waiting = async {
        while bulk.database.number(so_far).await < count {
            look_again().await;
        }
    };
    within("a refusal", waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_while_nobody_knows_how_the_job_stands() {
    let mut bulk = Bulk::new(DatabaseEngine::Postgres).await;
    let id = a_job(&mut bulk, 60).await;
    // From its first step on.
    let prolonging = "CREATE TRIGGER refuse BEFORE UPDATE OF owned_until_ms ON job FOR EACH ROW \
        WHEN (NEW.owned_until_ms > 0 AND NEW.published > 0) EXECUTE FUNCTION refuse(1000)";
    bulk.database.run(&[COUNTED, prolonging].concat()).await;
    let runner = bulk.runner();
    bulk.wait_for(State::Retried, 20).await;
    refused(&bulk, 3).await;
    // As it stood at first, it would publish its first few once more.
    assert_eq!(bulk.job(id).await.published, 20);
    bulk.database.run("DROP TRIGGER refuse ON job").await;
    bulk.start(|_| {});
    let job = bulk.finished(id).await;
    assert_eq!((job.published, job.succeeded), (60, 60), "{job:?}");
    runner.close().await;
    bulk.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_noted_is_not_published_again() {
    let mut bulk = Bulk::new(DatabaseEngine::Postgres).await;
    let id = a_job(&mut bulk, 5).await;
    refuse_noting(&bulk, 2).await;
    let runner = bulk.runner();
    bulk.wait_for(State::Retried, 5).await;
    bulk.start(|_| {});
    bulk.finished(id).await;
    runner.close().await;
    assert_eq!(bulk.came(id).await, 5);
    bulk.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_noted_before_the_job_is_let_go_of() {
    let mut bulk = Bulk::new(DatabaseEngine::Postgres).await;
    let id = a_job(&mut bulk, 5).await;
    refuse_noting(&bulk, 1).await;
    let runner = bulk.runner();
    // The end comes before it is tried again.
    refused(&bulk, 1).await;
    runner.close().await;
    assert_eq!((bulk.job(id).await.owned_until_ms, bulk.in_state(State::Retried).await), (0, 5));
    let other = bulk.runner();
    bulk.start(|_| {});
    bulk.finished(id).await;
    other.close().await;
    assert_eq!(bulk.came(id).await, 5);
    bulk.finish().await;
}

async fn a_job_whose_batch_cannot_be_noted_is_left_to_nobody_at_once(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    let id = a_job(&mut bulk, 5).await;
    let refuse = match engine {
        DatabaseEngine::Postgres => {
            "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$ \
             LANGUAGE plpgsql; CREATE TRIGGER refuse BEFORE UPDATE OF state ON dead_letter \
             FOR EACH ROW WHEN (NEW.state = 'retried') EXECUTE FUNCTION refuse()"
        }
        DatabaseEngine::Sqlite => {
            "CREATE TRIGGER refuse BEFORE UPDATE OF state ON dead_letter \
             WHEN new.state = 'retried' BEGIN SELECT raise(ABORT, 'refused'); END"
        }
    };
    bulk.database.run(refuse).await;
    let runner = bulk.runner();
    bulk.rig.wait_for_messages("bulk", 5).await;
    runner.close().await;
    // Whoever took it up now would publish the same again.
    assert_ne!(bulk.job(id).await.owned_until_ms, 0);
    assert_eq!(bulk.in_state(State::Requested).await, 5);
    bulk.start(|_| {});
    bulk.wait_for(State::Resolved, 5).await;
    bulk.finish().await;
}

on_every_database! {
    a_job_whose_batch_cannot_be_noted_is_left_to_nobody_at_once
}
