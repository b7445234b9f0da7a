#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use secrecy::SecretString;
use shared::clock::now_ms;
use shared::message::{Message, OfJob};
use shared::origin::Origin;
use shared::senders::Sender;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::logged::Course;
use super::*;
use crate::records::clock::day_of;
use crate::records::database::Database;
use crate::verdict::Verdict;

fn entry(number: u64, settled_ms: i64) -> Logged {
    Logged {
        identity: format!("{number:064x}"),
        origin: Origin::hubspot(1),
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
        answer: None,
        trace_id: None,
        job_id: None,
        published_as: 0,
        targets: Vec::new(),
        body: Some(b"{}".to_vec()),
    }
}

/// Else what has waited could neither be shown nor replayed.
#[test]
fn the_first_line_of_an_event_has_its_bytes_also_if_it_has_waited() {
    let body = br#"{"eventId":1,"portalId":7,"subscriptionType":"deal.creation","objectId":5}"#;
    let event = Sender::HubSpot.event(body.as_slice().into());
    let message = Message::fresh(event, 1);
    let has_bytes = |message: &Message| {
        let course = Course::now(Verdict::Succeeded);
        Logged::new(message, Some(&message.event), &course).body.as_deref() == Some(body.as_slice())
    };
    assert!(has_bytes(&message));
    let waited = message.same_attempt(Some("on_deal_created"));
    assert!(has_bytes(&waited));
    assert!(!has_bytes(&waited.next_attempt(None)), "the bytes stand there already");
    let job = Some(OfJob { id: 1, attempt: 0 });
    assert!(!has_bytes(&Message { job, ..message }), "replayed from there");
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
    let batch: Vec<Logged> = (0..10).map(|number| entry(number, now_ms())).collect();
    let mut ids = ids(&batch);
    insert(database, &batch, &mut ids, true).await.unwrap();
    // Its commit was not heard of.
    insert(database, &batch, &mut ids, false).await.unwrap();
    assert_eq!(test.number("SELECT count(*) FROM event_log").await, 10);
    // Another's lines with the same numbers are others.
    insert(database, &batch, &mut ids, true).await.unwrap();
    assert_eq!(test.number("SELECT count(*) FROM event_log").await, 20);
    records.close().await;
    test.end().await;
}

/// A letter that job 1 has out as its second attempt, and what else is known.
async fn letter_out(test: &TestDatabase, more: &str) {
    test.run(&format!(
        "DELETE FROM dead_letter; DELETE FROM problem; DELETE FROM event_log; \
        DELETE FROM job; DELETE FROM job_run; {OUT} {more}"
    ))
    .await;
}

const OUT: &str = "
    INSERT INTO job (id, kind, who, scope, filter, cutoff_ms, generation, rate, state, reason, planned,
        planned_more, published, succeeded, failing, died, skipped, recent, trusted, created_ms,
        state_ms, place_ms, place_id, owner, owned_until_ms)
        SELECT id, 'retry', '', '', '', 0, id, 0, 'done', '', 1, FALSE, 1, 0, 0, 0, 0, '', FALSE,
            0, 0, 0, 0, '', 0 FROM (SELECT 1 AS id UNION ALL SELECT 2) AS jobs;
    INSERT INTO problem (fingerprint, rule, code, target, dead, requested, retried, resolved,
        died_again, discarded, first_ms, last_ms) VALUES ('f', 1, 'X', 't', 0, 0, 1, 0, 0, 0, 0, 0);
    INSERT INTO dead_letter (identity, target, generation, attempt, queue, origin, type, reason,
        code, error, fingerprint, received_ms, died_ms, indexed_ms, state, state_ms, job_id) VALUES
        ('event', 't', 0, 1, 'dead', 'hubspot/1', 'x', 'permanent', 'X', 'e', 'f', 0, 0, 0, 'retried', 0, 1);
";

/// A line of the log, of an attempt.
fn line(attempt: i64, verdict: &str) -> String {
    format!(
        "INSERT INTO event_log (day, id, identity, origin, type, received_ms, started_ms, \
        settled_ms, attempt, generation, target, verdict) \
        VALUES (0, {attempt}, 'event', 'hubspot/1', 'x', 0, 0, {attempt}, {attempt}, 0, 't', '{verdict}');"
    )
}

fn of_job(job_id: i64, verdict: Verdict) -> Logged {
    Logged {
        identity: "event".to_owned(),
        target: Some("t".to_owned()),
        attempt: 1,
        published_as: 1,
        job_id: Some(job_id),
        verdict,
        body: None,
        ..entry(1, now_ms())
    }
}

/// In which state the letter is once a line is written, and how many runs of the line's job died.
async fn told(test: &TestDatabase, records: &Records, entry: Logged) -> (&'static str, i64) {
    let job_id = entry.job_id.unwrap();
    let (log, writer) = Writer::start(records.clone(), &mut Registry::default());
    log.write(entry);
    writer.close().await;
    let states = ["dead", "retried", "resolved", "died_again"];
    for state in states {
        let count = format!("SELECT count(*) FROM dead_letter WHERE state = '{state}'");
        if test.number(&count).await == 1 {
            let died = format!("SELECT died FROM job WHERE id = {job_id}");
            return (state, test.number(&died).await);
        }
    }
    panic!("no letter")
}

async fn a_skipped_run_of_one_job_turns_back_no_letter_of_another(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let records = records(&test);
    records.ready().await.unwrap();
    for (job_id, expected) in [(2, ("retried", 0)), (1, ("dead", 1))] {
        letter_out(&test, "").await;
        let skipped = of_job(job_id, Verdict::Skipped);
        assert_eq!(told(&test, &records, skipped).await, expected, "{job_id}");
    }
    records.close().await;
    test.end().await;
}

async fn a_letter_whose_later_letter_is_gone_ends_as_far_as_can_be_told(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let records = records(&test);
    records.ready().await.unwrap();
    let copied = "INSERT INTO job_run (job_id, identity, target, generation, attempt, copies, stage, \
        stage_ms) VALUES (1, 'event', 't', 0, 1, 2, 'open', 0);";
    // The death that the letter is of tells nothing of what came later.
    let before = line(0, "permanent");
    for (more, expected) in [
        (line(2, "succeeded"), ("resolved", 0)),
        (line(2, "retried"), ("retried", 0)),
        (line(2, "permanent"), ("dead", 1)),
        (String::new(), ("dead", 1)),
        // Another copy's perhaps, whose line is late.
        (copied.to_owned(), ("retried", 0)),
    ] {
        letter_out(&test, &format!("{before}{more}")).await;
        let stale = of_job(1, Verdict::Stale);
        assert_eq!(told(&test, &records, stale).await, expected, "{more}");
    }
    // Of another job's retry it says nothing.
    letter_out(&test, &before).await;
    assert_eq!(told(&test, &records, of_job(2, Verdict::Stale)).await, ("retried", 0));
    records.close().await;
    test.end().await;
}

on_every_database! {
    a_skipped_run_of_one_job_turns_back_no_letter_of_another
    a_letter_whose_later_letter_is_gone_ends_as_far_as_can_be_told
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
         INSERT INTO erasure VALUES (NEW.origin, NEW.contact_id, 0, FALSE) \
         ON CONFLICT DO NOTHING; RETURN NEW; END $$ LANGUAGE plpgsql; \
         CREATE TRIGGER bury BEFORE INSERT ON event_log FOR EACH ROW EXECUTE FUNCTION bury(); \
         CREATE FUNCTION meet() RETURNS trigger AS $$ BEGIN \
         IF nextval('erased') = 1 THEN RAISE EXCEPTION 'met' USING ERRCODE = '40P01'; END IF; \
         RETURN NEW; END $$ LANGUAGE plpgsql; \
         CREATE TRIGGER meet BEFORE UPDATE ON event_log FOR EACH ROW EXECUTE FUNCTION meet()",
    )
    .await;
    let (log, writer) = Writer::start(records.clone(), &mut Registry::default());
    log.write(Logged { contact_id: Some(7), body: Some(vec![1]), ..entry(1, now_ms()) });
    writer.close().await;
    assert_eq!(test.number("SELECT count(*) FROM event_log").await, 1);
    assert_eq!(test.number("SELECT count(*) FROM event_log WHERE body IS NULL").await, 1);
    assert_eq!(test.number("SELECT last_value FROM erased").await, 2);
    records.close().await;
    test.end().await;
}
