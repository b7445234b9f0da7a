#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;
use crate::records::database::on_pool;

/// Brings an empty database to what it was after the first `count` migrations.
async fn migrate_to(database: &Database, count: usize) {
    let known = migrations(database.dialect()).into_iter().take(count).collect();
    let migrator = Migrator::with_migrations(known);
    on_pool!(database, pool => migrator.run(pool).await).unwrap();
}

const EARLIER: &str = "
    INSERT INTO event_log (day, id, identity, portal_id, type, object_id, received_ms, started_ms,
        settled_ms, attempt, generation, verdict, body) VALUES
        (1, 1, 'a', 1, 'contact.creation', 7, 0, 0, 0, 0, 0, 'x', NULL),
        (1, 2, 'b', 1, 'deal.creation', 7, 0, 0, 0, 0, 0, 'x', NULL),
        (1, 3, 'c', 1, 'object.creation', 7, 0, 0, 0, 0, 0, 'x', {contact}),
        (2, 4, 'c', 1, 'object.creation', 7, 0, 0, 0, 1, 0, 'x', NULL),
        (1, 5, 'd', 1, 'object.creation', 7, 0, 0, 0, 0, 0, 'x', {deal}),
        (1, 6, 'e', 1, 'contact.associationChange', NULL, 0, 0, 0, 0, 0, 'x', NULL);
    INSERT INTO dead_letter (id, identity, target, generation, attempt, queue, portal_id, type,
        object_id, reason, code, error, fingerprint, received_ms, died_ms, indexed_ms, body, state,
        state_ms) VALUES
        (1, 'a', '', 0, 0, 'dead', 1, 'contact.creation', 7, 'x', 'X', 'one', 'f', 0, 0, 0,
            {deal}, 'dead', 0),
        (2, 'b', '', 0, 0, 'dead', 1, 'object.creation', 7, 'x', 'X', 'two', 'f', 0, 0, 0,
            {contact}, 'dead', 0),
        (3, 'c', '', 0, 0, 'dead', 1, 'object.creation', 7, 'x', 'X', 'three', 'f', 0, 0, 0,
            {deal}, 'dead', 0);
    INSERT INTO problem (fingerprint, rule, code, target, sample, dead, requested, retried, resolved,
        died_again, discarded, first_ms, last_ms) VALUES
        ('f', 1, 'X', '', 'one', 3, 0, 0, 0, 0, 0, 0, 0);
";

async fn what_was_there_before_knows_its_contact(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let database = Database::new(&SecretString::from(test.url())).unwrap();
    migrate_to(&database, 3).await;
    let bytes = |json: &str| match engine {
        DatabaseEngine::Postgres => format!("'{json}'::bytea"),
        DatabaseEngine::Sqlite => format!("CAST('{json}' AS BLOB)"),
    };
    let earlier = EARLIER
        .replace("{contact}", &bytes(r#"{"objectId":7,"objectTypeId":"0-1"}"#))
        .replace("{deal}", &bytes(r#"{"objectId":7,"objectTypeId":"0-10"}"#));
    test.run(&earlier).await;
    migrate(&database).await.unwrap();
    for (table, ids) in [("event_log", 1 + 3 + 4), ("dead_letter", 1 + 2)] {
        let query = format!("SELECT CAST(sum(id) AS BIGINT) FROM {table} WHERE contact_id = 7");
        assert_eq!(test.number(&query).await, ids, "{table}");
        let query = format!("SELECT count(*) FROM {table} WHERE contact_id <> 7");
        assert_eq!(test.number(&query).await, 0, "{table}");
    }
    assert_eq!(test.number("SELECT sample_id FROM problem").await, 3);
    // Whoever comes second finds it done.
    migrate(&database).await.unwrap();
    database.close().await;
    test.end().await;
}

async fn a_newer_database_is_refused_and_holds_up_nobody(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let (old, other) = (SecretString::from(test.url()), SecretString::from(test.url()));
    let (old, other) = (Database::new(&old).unwrap(), Database::new(&other).unwrap());
    migrate(&old).await.unwrap();
    test.run(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         SELECT 999, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    for database in [&old, &other, &old] {
        let error = migrate(database).await.unwrap_err().to_string();
        assert!(error.contains("newer Hubline") && error.contains("999"), "{error}");
    }
    test.run("DELETE FROM _sqlx_migrations WHERE version = 999").await;
    migrate(&other).await.unwrap();
    // As if a step had been another: the checksum of its neighbour.
    test.run(
        "UPDATE _sqlx_migrations SET checksum =
         (SELECT checksum FROM _sqlx_migrations WHERE version = 1) WHERE version = 2",
    )
    .await;
    for database in [&old, &other, &old] {
        let error = migrate(database).await.unwrap_err().to_string();
        assert!(error.contains("an earlier build") && error.contains("step 2"), "{error}");
    }
    old.close().await;
    other.close().await;
    test.end().await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://a:b@{}/c", silent.local_addr().unwrap());
    let database = Database::new(&SecretString::from(url)).unwrap();
    let migrating = timeout(PATIENCE * 5, migrate(&database)).await;
    let error = format!("{:#}", migrating.unwrap().unwrap_err());
    assert_eq!(error, "the records' database does not answer: no connection within 3 s");
}

on_every_database! {
    what_was_there_before_knows_its_contact
    a_newer_database_is_refused_and_holds_up_nobody
}
