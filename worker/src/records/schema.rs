//! The tables of the records, and how an older database becomes the present one: migrations that
//! are part of the program, each run once, under a lock.

use anyhow::Context as _;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::database::{Database, Dialect, on_pool};

/// Of an earlier one nothing may be changed: databases remember what they were made by.
const MIGRATIONS: [(&str, &str); 1] = [("event log", EVENT_LOG)];

/// `day` counts days since the Unix epoch, in UTC: PostgreSQL has a partition for each. `id` is
/// the time of the end in ms times 2^20, and a random part: rows come in nearly in order. `body`
/// stands in an event's first rows only, and goes when it must be erased.
const EVENT_LOG: &str = "
CREATE TABLE event_log (
    day INTEGER NOT NULL,
    id BIGINT NOT NULL,
    identity TEXT NOT NULL,
    portal_id BIGINT NOT NULL,
    type TEXT NOT NULL,
    object_id BIGINT,
    property TEXT,
    received_ms BIGINT NOT NULL,
    started_ms BIGINT NOT NULL,
    settled_ms BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    target TEXT,
    verdict TEXT NOT NULL,
    code TEXT,
    error TEXT,
    trace_id TEXT,
    body {bytes},
    PRIMARY KEY (day, id)
) {by_day};
CREATE INDEX event_log_by_identity ON event_log (identity);
CREATE INDEX event_log_by_object ON event_log (portal_id, object_id, settled_ms);
CREATE INDEX event_log_by_portal ON event_log (portal_id, settled_ms);
CREATE INDEX event_log_by_time ON event_log (settled_ms);
{other_days}
";

/// Brings the database up to date. Whoever comes second waits, and finds it done. One that was
/// made by a newer version is refused.
pub(super) async fn migrate(database: &Database) -> anyhow::Result<()> {
    let migrator = Migrator::with_migrations(migrations(database.dialect()));
    on_pool!(database, pool => migrator.run(pool).await)
        .context("cannot bring the records' database up to date")
}

fn migrations(dialect: Dialect) -> Vec<Migration> {
    let numbered = (1..).zip(MIGRATIONS);
    numbered
        .map(|(version, (what, sql))| {
            let sql = sqlx::AssertSqlSafe(spelled(sql, dialect)).into_sql_str();
            Migration::new(version, what.into(), MigrationType::Simple, sql, false)
        })
        .collect()
}

/// A statement as the dialect spells it.
fn spelled(sql: &str, dialect: Dialect) -> String {
    let words = match dialect {
        Dialect::Postgres => [
            ("{bytes}", "BYTEA"),
            ("{by_day}", "PARTITION BY RANGE (day)"),
            // Catches what has no partition yet.
            ("{other_days}", "CREATE TABLE event_log_other PARTITION OF event_log DEFAULT;"),
        ],
        Dialect::Sqlite => [("{bytes}", "BLOB"), ("{by_day}", ""), ("{other_days}", "")],
    };
    words.iter().fold(sql.to_owned(), |sql, (word, spelling)| sql.replace(word, spelling))
}
