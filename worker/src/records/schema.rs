//! The tables of the records, and how an older database becomes the present one: migrations that
//! are part of the program, each run once, under a lock.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::RngExt as _;
use sqlx::error::DatabaseError;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, SqlSafeStr as _};
use tokio::time::timeout;

use super::database::{BUSY, Database, Dialect, of_migration};

/// How long a server may take for a connection, and for its end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Said of a server that cannot be reached, or says nothing.
const SILENT: &str = "the records' database does not answer";

/// Once released nothing of one is changed: databases remember what they were made by, and are refused
/// where that has changed.
const MIGRATIONS: [(&str, &str); 5] = [
    ("event log", EVENT_LOG),
    ("dead letters", DEAD_LETTERS),
    ("jobs", JOBS),
    ("erasure", ERASURE),
    ("console", CONSOLE),
];

/// `day` counts days since the Unix epoch, in UTC: PostgreSQL has a partition for each. `id` is
/// the time of the end in ms times 2^20, and a random part: rows come in nearly in order, and lists
/// are in its order. For each condition that people filter by an index has the rows in that order, so
/// that a page is as quick where hardly a row matches; what else narrows a list stands behind, and is
/// judged without a look at the row. `body` stands in an event's first rows only, and goes when it must
/// be erased.
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
    PRIMARY KEY (id, day)
) {by_day};
CREATE INDEX event_log_by_identity ON event_log (identity);
CREATE INDEX event_log_by_object ON event_log (object_id, id);
CREATE INDEX event_log_by_portal ON event_log (portal_id, id, verdict);
CREATE INDEX event_log_by_type ON event_log (type, id, verdict);
CREATE INDEX event_log_by_target ON event_log (target, id, type, verdict);
CREATE INDEX event_log_by_verdict ON event_log (verdict, id);
{other_days}
";

/// A letter's `target` is empty if it has none. `body` is NULL once it was erased; `previous_id` is
/// the row whose retry this one is. A `problem`'s counters are kept in the transaction that moves
/// its letters, as those of `problem_portal` and `portal` are: nobody has to count rows. `problem_hour.hour` counts
/// hours since the Unix epoch. Of `audit` no row is ever changed. Lists are in the order of `id`, which
/// is nearly that of the deaths: what else narrows a list stands behind it in each index, and costs no
/// look at the row. SQLite prefers an index of which it knows more columns.
const DEAD_LETTERS: &str = "
CREATE TABLE dead_letter (
    id {growing},
    identity TEXT NOT NULL,
    target TEXT NOT NULL,
    generation BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    queue TEXT NOT NULL,
    portal_id BIGINT NOT NULL,
    type TEXT NOT NULL,
    object_id BIGINT,
    reason TEXT NOT NULL,
    code TEXT NOT NULL,
    error TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    received_ms BIGINT NOT NULL,
    died_ms BIGINT NOT NULL,
    indexed_ms BIGINT NOT NULL,
    traceparent TEXT,
    body {bytes},
    state TEXT NOT NULL,
    state_ms BIGINT NOT NULL,
    job_id BIGINT,
    previous_id BIGINT,
    UNIQUE (identity, target, generation, attempt)
);
CREATE INDEX dead_letter_by_problem ON dead_letter (fingerprint, {id_and_state}, died_ms);
CREATE INDEX dead_letter_by_state ON dead_letter (state, id, died_ms);
CREATE INDEX dead_letter_by_portal
    ON dead_letter (portal_id, {id_and_state}, died_ms, code, target, type, reason);
CREATE INDEX dead_letter_by_code
    ON dead_letter (code, {id_and_state}, died_ms, target, type, reason);
CREATE INDEX dead_letter_by_target ON dead_letter (target, {id_and_state}, died_ms, type, reason);
CREATE INDEX dead_letter_by_type ON dead_letter (type, {id_and_state}, died_ms, reason);
CREATE INDEX dead_letter_by_reason ON dead_letter (reason, {id_and_state}, died_ms);
CREATE INDEX dead_letter_by_object ON dead_letter (object_id, {id_and_state});
CREATE INDEX dead_letter_by_death ON dead_letter (id, died_ms);

CREATE TABLE problem (
    fingerprint TEXT PRIMARY KEY,
    rule INTEGER NOT NULL,
    code TEXT NOT NULL,
    target TEXT NOT NULL,
    sample TEXT NOT NULL,
    dead BIGINT NOT NULL,
    requested BIGINT NOT NULL,
    retried BIGINT NOT NULL,
    resolved BIGINT NOT NULL,
    died_again BIGINT NOT NULL,
    discarded BIGINT NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    note TEXT
);
CREATE INDEX problem_by_size ON problem (dead DESC, last_ms DESC, fingerprint);
CREATE INDEX problem_by_code ON problem (code);
CREATE INDEX problem_by_target ON problem (target);

CREATE TABLE problem_portal (
    fingerprint TEXT NOT NULL,
    portal_id BIGINT NOT NULL,
    dead BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (fingerprint, portal_id)
);

CREATE TABLE portal (
    portal_id BIGINT PRIMARY KEY,
    dead BIGINT NOT NULL,
    problems BIGINT NOT NULL,
    last_ms BIGINT NOT NULL
);

CREATE TABLE problem_hour (
    fingerprint TEXT NOT NULL,
    hour BIGINT NOT NULL,
    deaths BIGINT NOT NULL,
    PRIMARY KEY (fingerprint, hour)
);

CREATE TABLE audit (
    id {growing},
    at_ms BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    filter TEXT NOT NULL,
    count BIGINT NOT NULL
);
";

/// A `job` does something to letters or publishes events again. `scope` is JSON, `filter` the same in words. `recent`
/// has a letter for each of the last runs, `s` for success, `f` for a failure and `d` for death; one
/// that is `trusted` does not wait for a first success. `place_ms` and `place_id` are how far a replay
/// has come in the log; of letters `place_id` is the last that was claimed or moved. Whoever works on it is `owner`, until `owned_until_ms`. `steps` are names with commas
/// between. `generation` is that of what the job starts over, and no other job's; a line's `logged_ms` is when it was
/// written, which can be late. `plan` is the digest of what somebody agreed to, which is done once. `runs` is how many
/// there are of the job; each has a row in `job_run` from before it is published until the job has long been over.
/// Its `target` is empty while it is a message to all handlers, `generation` and `attempt` are what it was published
/// as, and `copies` how often, for it may be that nobody knows whether it was.
const JOBS: &str = "
CREATE TABLE job (
    id {growing},
    kind TEXT NOT NULL,
    who TEXT NOT NULL,
    scope TEXT NOT NULL,
    filter TEXT NOT NULL,
    cutoff_ms BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    rate BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    planned BIGINT NOT NULL,
    planned_more BOOLEAN NOT NULL,
    published BIGINT NOT NULL,
    runs BIGINT NOT NULL DEFAULT 0,
    succeeded BIGINT NOT NULL,
    failing BIGINT NOT NULL,
    died BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    recent TEXT NOT NULL,
    trusted BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL,
    state_ms BIGINT NOT NULL,
    place_ms BIGINT NOT NULL,
    place_id BIGINT NOT NULL,
    owner TEXT NOT NULL,
    owned_until_ms BIGINT NOT NULL,
    plan TEXT
);
CREATE INDEX job_by_state ON job (state, id);
CREATE UNIQUE INDEX job_by_generation ON job (generation);
CREATE UNIQUE INDEX job_by_plan ON job (plan);
CREATE TABLE job_run (
    job_id BIGINT NOT NULL,
    identity TEXT NOT NULL,
    target TEXT NOT NULL,
    generation BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    copies BIGINT NOT NULL,
    stage TEXT NOT NULL,
    stage_ms BIGINT NOT NULL,
    PRIMARY KEY (job_id, identity, target)
);
ALTER TABLE dead_letter ADD COLUMN steps TEXT NOT NULL DEFAULT '';
CREATE INDEX dead_letter_by_job ON dead_letter (job_id, state, id) WHERE job_id IS NOT NULL;
ALTER TABLE event_log ADD COLUMN job_id BIGINT;
ALTER TABLE event_log ADD COLUMN logged_ms BIGINT NOT NULL DEFAULT 0;
";

/// `erasure` has a tombstone for each contact that was erased: what is about it has no content, now
/// and later. It is not `swept` while rows may still be written by somebody who has not seen it.
/// `contact_id` is the contact that an event is about, if it is about one. A problem's sample is the
/// error of a letter: copied, it would outlive it.
const ERASURE: &str = "
CREATE TABLE erasure (
    portal_id BIGINT NOT NULL,
    object_id BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    swept BOOLEAN NOT NULL,
    PRIMARY KEY (portal_id, object_id)
);
CREATE INDEX erasure_not_swept ON erasure (at_ms) WHERE NOT swept;

ALTER TABLE event_log ADD COLUMN contact_id BIGINT;
UPDATE event_log SET contact_id = object_id
    WHERE type LIKE 'contact.%' OR (type LIKE 'object.%' AND {is_contact});
UPDATE event_log SET contact_id = object_id
    WHERE contact_id IS NULL AND type LIKE 'object.%'
    AND identity IN (SELECT identity FROM event_log WHERE contact_id IS NOT NULL);
CREATE INDEX event_log_by_contact ON event_log (portal_id, contact_id)
    WHERE contact_id IS NOT NULL;

ALTER TABLE dead_letter ADD COLUMN contact_id BIGINT;
UPDATE dead_letter SET contact_id = object_id
    WHERE type LIKE 'contact.%' OR (type LIKE 'object.%' AND {is_contact});
CREATE INDEX dead_letter_by_contact ON dead_letter (portal_id, contact_id)
    WHERE contact_id IS NOT NULL;

ALTER TABLE problem ADD COLUMN sample_id BIGINT;
UPDATE problem SET sample_id =
    (SELECT max(id) FROM dead_letter WHERE dead_letter.fingerprint = problem.fingerprint);
ALTER TABLE problem DROP COLUMN sample;
";

/// A `secret` is a key that nothing shows. An `ended_session` is a console's session that somebody
/// signed out of before its time.
const CONSOLE: &str = "
CREATE TABLE secret (
    name TEXT PRIMARY KEY,
    key {bytes} NOT NULL
);
CREATE TABLE ended_session (
    id TEXT PRIMARY KEY,
    expires_ms BIGINT NOT NULL
);
";

/// Brings the database up to date. Whoever comes second waits, and finds it done. One that was
/// made by a newer version is refused.
pub(super) async fn migrate(database: &Database) -> anyhow::Result<()> {
    let migrator = Migrator::with_migrations(migrations(database.dialect()));
    let migrated = match database {
        Database::Postgres(pools) => {
            migrate_server(&migrator, &pools.writing.connect_options()).await?
        }
        Database::Sqlite(pools, _) => {
            migrate_file(&migrator, &pools.writing.connect_options()).await
        }
    };
    if let Err(MigrateError::VersionMissing(version)) = migrated {
        anyhow::bail!(
            "the records' database was made by a newer Hubline (its schema has step {version}): start that version again, or restore a backup from before it"
        );
    }
    if let Err(MigrateError::VersionMismatch(version)) = migrated {
        anyhow::bail!(
            "the records' database was made by an earlier build whose tables were others (step {version} of its schema): retry or discard its dead letters with that build, then drop the schema or the file and start again"
        );
    }
    migrated.context("cannot bring the records' database up to date")
}

/// On a connection of its own, which ends with it: where a migration is refused the lock would else
/// stay with a connection that others use later, and hold up every program.
async fn migrate_server(
    migrator: &Migrator,
    options: &PgConnectOptions,
) -> anyhow::Result<Result<(), MigrateError>> {
    let connecting = async {
        let mut connection = options.connect().await?;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(of_migration()))).await?;
        Ok::<_, sqlx::Error>(connection)
    };
    // A server that takes connections and says nothing must not hold up all who come after.
    let connected = timeout(PATIENCE, connecting).await;
    let mut connection = match connected {
        Ok(Ok(connection)) => connection,
        Ok(Err(sqlx::Error::Database(error))) => {
            return Err(sqlx::Error::Database(error))
                .context("the records' database refuses the connection");
        }
        Ok(Err(error)) => return Err(error).context(SILENT),
        Err(_) => anyhow::bail!("{SILENT}: no connection within {} s", PATIENCE.as_secs()),
    };
    // What `run` does, whose bounds the compiler cannot see met here.
    let migrated = migrator.run_direct(None, &mut connection, false).await;
    let _ = timeout(PATIENCE, connection.close()).await;
    Ok(migrated)
}

/// The same of a file, all of it in one transaction that keeps others from writing. Where a file is
/// just being made SQLite gives up at once instead of waiting.
async fn migrate_file(
    migrator: &Migrator,
    options: &SqliteConnectOptions,
) -> Result<(), MigrateError> {
    let deadline = Instant::now() + BUSY;
    loop {
        match try_to_migrate_file(migrator, options).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                // Not all of them at the same moment again.
                let pause = Duration::from_millis(rand::rng().random_range(5..50));
                tokio::time::sleep(pause).await;
            }
            result => return result,
        }
    }
}

async fn try_to_migrate_file(
    migrator: &Migrator,
    options: &SqliteConnectOptions,
) -> Result<(), MigrateError> {
    let mut connection = options.connect().await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // What `run` does, whose bounds the compiler cannot see met here.
    migrator.run_direct(None, &mut *transaction, false).await?;
    transaction.commit().await?;
    connection.close().await?;
    Ok(())
}

/// Whether another connection had what was needed: `SQLITE_BUSY` or `SQLITE_LOCKED`, of which there
/// are kinds in the upper bits.
fn is_busy(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(DatabaseError::code);
    let code: Option<u32> = code.and_then(|code| code.parse().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

fn migrations(dialect: Dialect) -> Vec<Migration> {
    let numbered = (1..).zip(MIGRATIONS);
    numbered
        .map(|(version, (what, sql))| {
            let sql = AssertSqlSafe(spelled(sql, dialect)).into_sql_str();
            Migration::new(version, what.into(), MigrationType::Simple, sql, false)
        })
        .collect()
}

/// A statement as the dialect spells it.
fn spelled(sql: &str, dialect: Dialect) -> String {
    let words = match dialect {
        Dialect::Postgres => [
            ("{bytes}", "BYTEA"),
            ("{growing}", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
            ("{id_and_state}", "id, state"),
            ("{by_day}", "PARTITION BY RANGE (day)"),
            // Catches what has no partition yet.
            ("{other_days}", "CREATE TABLE event_log_other PARTITION OF event_log DEFAULT;"),
            ("{is_contact}", "position('\"objectTypeId\":\"0-1\"'::bytea IN body) > 0"),
        ],
        Dialect::Sqlite => [
            ("{bytes}", "BLOB"),
            ("{growing}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("{id_and_state}", "state, id"),
            ("{by_day}", ""),
            ("{other_days}", ""),
            ("{is_contact}", "instr(body, CAST('\"objectTypeId\":\"0-1\"' AS BLOB)) > 0"),
        ],
    };
    words.iter().fold(sql.to_owned(), |sql, (word, spelling)| sql.replace(word, spelling))
}

#[cfg(test)]
mod tests;
