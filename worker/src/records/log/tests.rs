#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use secrecy::SecretString;
use shared::clock::now_ms;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;
use crate::records::clock::day_of;
use crate::records::database::Database;
use crate::verdict::Verdict;

fn entry(number: u64, settled_ms: i64) -> Entry {
    Entry {
        identity: format!("{number:064x}"),
        portal_id: 1,
        subscription_type: "deal.creation".to_owned(),
        object_id: None,
        contact_id: None,
        merged: Vec::new(),
        property: None,
        received_ms: 0,
        started_ms: 0,
        settled_ms,
        attempt: 0,
        generation: 0,
        target: None,
        verdict: Verdict::Succeeded,
        code: None,
        error: None,
        trace_id: None,
        job_id: None,
        had_failed: false,
        body: Some(b"{}".to_vec()),
    }
}

fn records(test: &TestDatabase) -> Records {
    Records::new(&SecretString::from(test.url())).unwrap()
}

async fn no_line_is_lost_however_many_end_in_one_moment(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let records = records(&test);
    let (log, writer) = Writer::start(records.clone(), &mut Registry::default());
    let now_ms = now_ms();
    // Some share their millisecond with five hundred others.
    for number in 0..20_000 {
        log.write(entry(number, now_ms + i64::try_from(number / 500).unwrap()));
    }
    // A run that hangs holds its log beyond the end.
    writer.close().await;
    assert_eq!(test.number("SELECT count(*) FROM event_log").await, 20_000);
    let metrics = &log.metrics;
    assert_eq!((metrics.written.get(), metrics.dropped.get()), (20_000, 0));
    log.write(entry(20_000, now_ms));
    assert_eq!((metrics.written.get(), metrics.dropped.get()), (20_000, 1));
    records.close().await;
    test.end().await;
}

async fn a_batch_that_was_there_already_is_there_once(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let records = records(&test);
    let database = records.ready().await.unwrap();
    let batch: Vec<Entry> = (0..10).map(|number| entry(number, now_ms())).collect();
    let mut ids = ids(&batch);
    insert(database, &batch, &mut ids, true).await.unwrap();
    // Its commit was not heard of.
    insert(database, &batch, &mut ids, false).await.unwrap();
    assert_eq!(test.number("SELECT count(*) FROM event_log").await, 10);
    // Another's entries with the same numbers are others.
    insert(database, &batch, &mut ids, true).await.unwrap();
    assert_eq!(test.number("SELECT count(*) FROM event_log").await, 20);
    records.close().await;
    test.end().await;
}

on_every_database! {
    no_line_is_lost_however_many_end_in_one_moment
    a_batch_that_was_there_already_is_there_once
}

/// A backup reads for hours, and at midnight a day is to be made.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_over_midnight_holds_nothing_up() {
    let test = TestDatabase::new(DatabaseEngine::Postgres).await;
    let records = records(&test);
    let database = records.ready().await.unwrap().clone();
    let Database::Postgres(pools) = &database else { panic!("PostgreSQL") };
    let mut backup = pools.writing.begin().await.unwrap();
    sqlx::query("LOCK TABLE event_log IN ACCESS SHARE MODE").execute(&mut *backup).await.unwrap();
    let tomorrow = day_of(now_ms()) + 1;
    let making = crate::records::partitions::make(&database, tomorrow);
    tokio::time::timeout(Duration::from_secs(60), making).await.unwrap().unwrap();
    let batch = [entry(1, now_ms())];
    insert(&database, &batch, &mut ids(&batch), true).await.unwrap();
    backup.rollback().await.unwrap();
    crate::records::partitions::make(&database, tomorrow).await.unwrap();
    let made = format!(
        "SELECT count(*) FROM pg_class WHERE relname = 'event_log_{}' \
        AND relnamespace = current_schema()::regnamespace",
        tomorrow + 3
    );
    assert_eq!(test.number(&made).await, 1);
    records.close().await;
    test.end().await;
}

/// What is repeated because of what failed behind the commit must not write the lines again.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_meets_another_doubles_no_line() {
    let test = TestDatabase::new(DatabaseEngine::Postgres).await;
    let records = records(&test);
    records.ready().await.unwrap();
    // The contact is erased between the look and the commit; erasing its line ends in a ring, once.
    test.run(
        "CREATE SEQUENCE erased; \
         CREATE FUNCTION bury() RETURNS trigger AS $$ BEGIN \
         INSERT INTO erasure VALUES (NEW.portal_id, NEW.contact_id, 0, FALSE) \
         ON CONFLICT DO NOTHING; RETURN NEW; END $$ LANGUAGE plpgsql; \
         CREATE TRIGGER bury BEFORE INSERT ON event_log FOR EACH ROW EXECUTE FUNCTION bury(); \
         CREATE FUNCTION meet() RETURNS trigger AS $$ BEGIN \
         IF nextval('erased') = 1 THEN RAISE EXCEPTION 'met' USING ERRCODE = '40P01'; END IF; \
         RETURN NEW; END $$ LANGUAGE plpgsql; \
         CREATE TRIGGER meet BEFORE UPDATE ON event_log FOR EACH ROW EXECUTE FUNCTION meet()",
    )
    .await;
    let (log, writer) = Writer::start(records.clone(), &mut Registry::default());
    log.write(Entry { contact_id: Some(7), body: Some(vec![1]), ..entry(1, now_ms()) });
    writer.close().await;
    assert_eq!(test.number("SELECT count(*) FROM event_log").await, 1);
    assert_eq!(test.number("SELECT count(*) FROM event_log WHERE body IS NULL").await, 1);
    assert_eq!(test.number("SELECT last_value FROM erased").await, 2);
    records.close().await;
    test.end().await;
}
