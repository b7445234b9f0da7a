//! Who takes a job, and when: each time under a name of its own, and nobody while somebody has it,
//! however long a step takes.

use shared::testing::{DatabaseEngine, on_every_database};
use sqlx::{Connection as _, PgConnection};
use worker::parts::records::dead_letters::State;

use super::refused::{COUNTED, a_job, refused};
use super::rig::{Bulk, look_again};
use crate::harness::within;

/// Has the database keep the name of whoever takes a job.
async fn keep_names(bulk: &Bulk) {
    let keep = match bulk.database.engine() {
        DatabaseEngine::Postgres => {
            "CREATE TABLE taking (owner TEXT); CREATE FUNCTION keep() RETURNS trigger AS $$ BEGIN \
             INSERT INTO taking VALUES (NEW.owner); RETURN NEW; END $$ LANGUAGE plpgsql; \
             CREATE TRIGGER keep AFTER UPDATE OF owner ON job FOR EACH ROW \
             WHEN (NEW.owner <> '') EXECUTE FUNCTION keep()"
        }
        DatabaseEngine::Sqlite => {
            "CREATE TABLE taking (owner TEXT); CREATE TRIGGER keep AFTER UPDATE OF owner ON job \
             WHEN new.owner <> '' BEGIN INSERT INTO taking VALUES (new.owner); END"
        }
    };
    bulk.database.run(keep).await;
}

async fn names(bulk: &Bulk) -> i64 {
    bulk.database.number("SELECT count(DISTINCT owner) FROM taking").await
}

async fn whoever_takes_a_job_has_another_name_each_time(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    let id = a_job(&mut bulk, 30).await;
    keep_names(&bulk).await;
    let runner = bulk.runner();
    bulk.wait_for(State::Retried, 20).await;
    // The same process once more, and another one.
    assert!(bulk.jobs.pause(id, "ann").await.unwrap());
    bulk.until(id, "it is held", |job| job.owned_until_ms == 0).await;
    assert!(bulk.jobs.resume(id, "ann").await.unwrap());
    bulk.until(id, "nobody takes it", |job| job.owned_until_ms != 0 || job.state.is_over()).await;
    assert_eq!(names(&bulk).await, 2);
    runner.close().await;
    let other = bulk.runner();
    bulk.start(|_| {});
    bulk.finished(id).await;
    let takings = bulk.database.number("SELECT count(*) FROM taking").await;
    assert_eq!(names(&bulk).await, takings);
    other.close().await;
    bulk.finish().await;
}

on_every_database! {
    whoever_takes_a_job_has_another_name_each_time
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_a_job_beside_themselves() {
    let mut bulk = Bulk::new(DatabaseEngine::Postgres).await;
    let id = a_job(&mut bulk, 30).await;
    keep_names(&bulk).await;
    let prolonging = "CREATE TRIGGER refuse BEFORE UPDATE OF owned_until_ms ON job FOR EACH ROW \
        WHEN (NEW.owner = OLD.owner AND NEW.owned_until_ms > 0 AND NEW.published > 0) \
        EXECUTE FUNCTION refuse(1000)";
    bulk.database.run(&[COUNTED, prolonging].concat()).await;
    let runner = bulk.runner();
    bulk.wait_for(State::Retried, 20).await;
    let left = bulk.job(id).await.owned_until_ms;
    let over = async {
        // Longer than anybody waits who takes it for left.
        while shared::clock::now_ms() < left + 4000 {
            look_again().await;
        }
    };
    within("the end of the lease", over).await;
    refused(&bulk, 8).await;
    assert_eq!(names(&bulk).await, 1);
    bulk.database.run("DROP TRIGGER refuse ON job").await;
    bulk.start(|_| {});
    bulk.finished(id).await;
    runner.close().await;
    bulk.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_kept_while_a_step_takes_longer_than_a_lease() {
    let mut bulk = Bulk::new(DatabaseEngine::Postgres).await;
    let id = a_job(&mut bulk, 5).await;
    keep_names(&bulk).await;
    let gate = "CREATE TABLE gate (id BIGINT); INSERT INTO gate VALUES (1); \
        CREATE FUNCTION pass() RETURNS trigger AS $$ BEGIN PERFORM 1 FROM gate FOR UPDATE; \
        RETURN NEW; END $$ LANGUAGE plpgsql; \
        CREATE TRIGGER pass BEFORE UPDATE OF state ON dead_letter FOR EACH ROW \
        WHEN (NEW.state = 'retried') EXECUTE FUNCTION pass()";
    bulk.database.run(gate).await;
    let mut closing = PgConnection::connect(&bulk.database.url()).await.unwrap();
    let mut closed = closing.begin().await.unwrap();
    sqlx::query("SELECT id FROM gate FOR UPDATE").execute(&mut *closed).await.unwrap();
    let runners = [bulk.runner(), bulk.runner()];
    bulk.rig.wait_for_messages("bulk", 5).await;
    let first = bulk.job(id).await.owned_until_ms;
    let over = async {
        // Longer than the other waits who takes it for left.
        while shared::clock::now_ms() < first + 4000 {
            look_again().await;
        }
    };
    within("the end of the first lease", over).await;
    assert_eq!(names(&bulk).await, 1);
    // The step goes on: it was not cut off and begun anew, which would wait there as well. One that the
    // database has sent away comes again after a moment.
    let waiting = "SELECT count(DISTINCT waits.pid) FROM pg_locks waits JOIN pg_locks has \
        ON has.pid = waits.pid AND has.granted AND has.relation = 'dead_letter'::regclass \
        WHERE NOT waits.granted";
    let at_the_gate = async {
        loop {
            let count = bulk.database.number(waiting).await;
            assert!(count <= 1, "{count} wait there");
            if count == 1 {
                return;
            }
            look_again().await;
        }
    };
    within("a step at the gate", at_the_gate).await;
    closed.rollback().await.unwrap();
    bulk.start(|_| {});
    bulk.finished(id).await;
    for runner in runners {
        runner.close().await;
    }
    assert_eq!(bulk.came(id).await, 5);
    bulk.finish().await;
}
