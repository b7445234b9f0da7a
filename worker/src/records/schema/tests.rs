#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fmt::Write as _;

use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;

/// What the tables of this version are, as the databases tell it. A change of them is another version:
/// raise `VERSION`, and let a file of its own say what that is. Once released, a file is never changed.
const GOLDEN: [&str; 2] =
    [include_str!("golden/postgres.3.txt"), include_str!("golden/sqlite.3.txt")];

/// Each column with its type, collation, default, and whether it may be empty; then keys and indexes.
const OF_POSTGRES: &str = "
    SELECT line FROM (
    SELECT table_name || '.' || column_name || ' ' || data_type
        || coalesce(' collate ' || collation_name, '') || coalesce(' default ' || column_default, '')
        || CASE is_identity WHEN 'YES' THEN ' identity' ELSE '' END
        || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END AS line, 1 AS part,
        table_name || to_char(ordinal_position, '000') AS place
    FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name !~ '^event_log_'
    UNION ALL SELECT replace(indexdef, schemaname || '.', ''), 2, indexname FROM pg_indexes
    WHERE schemaname = current_schema() AND tablename !~ '^event_log_'
    UNION ALL SELECT 'partitioned ' || relname || ' ' || pg_get_partkeydef(oid), 3, relname::text FROM pg_class
    WHERE relkind = 'p' AND relnamespace = current_schema()::regnamespace
    ) AS told ORDER BY part, place COLLATE \"C\", line COLLATE \"C\"";

async fn told_by_the_database(database: &Database) -> String {
    let lines: Vec<String> = match database {
        Database::Postgres(pools) => {
            sqlx::query_scalar(OF_POSTGRES).fetch_all(&pools.writing).await.unwrap()
        }
        Database::Sqlite(pools, _) => {
            let select = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL \
                AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, name";
            let told: Vec<String> =
                sqlx::query_scalar(select).fetch_all(&pools.writing).await.unwrap();
            // However it is laid out.
            let plain = |sql: String| sql.split_whitespace().collect::<Vec<_>>().join(" ");
            told.into_iter().map(plain).collect()
        }
    };
    lines.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").unwrap();
        text
    })
}

async fn a_version_stands_for_one_set_of_tables(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let database = Database::new(&SecretString::from(test.url())).unwrap();
    make(&database).await.unwrap();
    let [postgres, sqlite] = GOLDEN;
    let golden = if engine == DatabaseEngine::Postgres { postgres } else { sqlite };
    let told = told_by_the_database(&database).await;
    assert!(told == golden, "the tables have changed: is it another version? They are\n{told}");
    let version = i64::from(VERSION);
    assert_eq!(test.number("SELECT CAST(version AS BIGINT) FROM records_schema").await, version);
    // Whoever comes second finds it done.
    make(&database).await.unwrap();
    assert_eq!(test.number("SELECT count(*) FROM records_schema").await, 1);
    database.close().await;
    test.end().await;
}

async fn another_version_is_refused_and_holds_up_nobody(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let (one, other) = (SecretString::from(test.url()), SecretString::from(test.url()));
    let (one, other) = (Database::new(&one).unwrap(), Database::new(&other).unwrap());
    make(&one).await.unwrap();
    let refused = async |said: [&str; 2]| {
        for database in [&one, &other, &one] {
            let error = make(database).await.unwrap_err().to_string();
            assert!(said.iter().all(|said| error.contains(said)), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    };
    test.run("UPDATE records_schema SET version = 999").await;
    refused(["newer Hubline", "version 999"]).await;
    test.run("UPDATE records_schema SET version = 0").await;
    refused(["an earlier build", "discard its dead letters"]).await;
    // As builds left it before versions had a number.
    test.run("DROP TABLE records_schema").await;
    refused(["an earlier build", "discard its dead letters"]).await;
    assert_eq!(test.number("SELECT count(*) FROM event_log").await, 0);
    one.close().await;
    other.close().await;
    test.end().await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://a:b@{}/c", silent.local_addr().unwrap());
    let database = Database::new(&SecretString::from(url)).unwrap();
    let making = timeout(PATIENCE * 5, make(&database)).await;
    let error = format!("{:#}", making.unwrap().unwrap_err());
    assert_eq!(error, "the records' database does not answer: no connection within 3 s");
}

on_every_database! {
    a_version_stands_for_one_set_of_tables
    another_version_is_refused_and_holds_up_nobody
}
