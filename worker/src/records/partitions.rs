//! The days of the event log: made ahead where they are partitions, and dropped when they are
//! old.

use sqlx::{AssertSqlSafe, PgPool, Postgres};

use super::clock::first_line_of_day;
use super::database::{Database, begin};

/// A worker that comes up at night must find tomorrow's.
const AHEAD: i32 = 3;
/// PostgreSQL's word for a lock that was not had in time.
const LOCK_TIMEOUT: &str = "55P03";
/// Rows that one statement deletes of days that are no tables of their own.
const CHUNK: i64 = 5000;

/// Makes the partitions of today and of the days to come; one process at a time, so that none runs
/// into what another has just made. Rows of a day without one are in the default partition, and keep
/// that day from getting its own: they stay there until they are old.
pub(super) async fn make(database: &Database, today: i32) -> Result<(), sqlx::Error> {
    let Database::Postgres(pools) = database else { return Ok(()) };
    for day in today..=today + AHEAD {
        match make_day(&pools.writing, day).await {
            // Held by another process for this, or by somebody who reads all of it: the next time.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_TIMEOUT) => {}
            result => result?,
        }
    }
    Ok(())
}

async fn make_day(pool: &PgPool, day: i32) -> Result<(), sqlx::Error> {
    let is_there = "SELECT to_regclass($1) IS NOT NULL \
        OR EXISTS (SELECT 1 FROM event_log_other WHERE day = $2)";
    let name = format!("event_log_{day}");
    let is_there = || sqlx::query_scalar(is_there).bind(&name).bind(day);
    if is_there().fetch_one(pool).await? {
        return Ok(());
    }
    let mut changing = impatient(pool).await?;
    // By the table's own number: other schemas have other logs.
    sqlx::query("SELECT pg_advisory_xact_lock('event_log'::regclass::oid::bigint)")
        .execute(&mut *changing)
        .await?;
    if is_there().fetch_one(&mut *changing).await? {
        return Ok(());
    }
    let create = format!(
        "CREATE TABLE {name} PARTITION OF event_log FOR VALUES FROM ({day}) TO ({})",
        day + 1
    );
    sqlx::query(AssertSqlSafe(create)).execute(&mut *changing).await?;
    changing.commit().await
}

/// A change of a table that is given up if somebody holds it for long: whoever comes behind one who
/// waits for a table's lock waits as well, and a backup reads for hours.
async fn impatient(pool: &PgPool) -> Result<sqlx::Transaction<'static, Postgres>, sqlx::Error> {
    let mut transaction = begin(pool).await?;
    sqlx::query("SET LOCAL lock_timeout = '2s'").execute(&mut *transaction).await?;
    // A new day is compared with all rows that have none of their own.
    sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *transaction).await?;
    Ok(transaction)
}

async fn drop_table(pool: &PgPool, partition: &str) -> Result<(), sqlx::Error> {
    let mut changing = impatient(pool).await?;
    let drop = format!("DROP TABLE IF EXISTS {partition}");
    sqlx::query(AssertSqlSafe(drop)).execute(&mut *changing).await?;
    changing.commit().await
}

/// Drops every day before `day`.
pub(super) async fn drop_before(database: &Database, day: i32) -> Result<(), sqlx::Error> {
    match database {
        Database::Postgres(pools) => {
            let pool = &pools.writing;
            let partitions: Vec<String> = sqlx::query_scalar(
                "SELECT child.relname::text FROM pg_inherits \
                 JOIN pg_class child ON child.oid = inhrelid \
                 WHERE inhparent = 'event_log'::regclass",
            )
            .fetch_all(pool)
            .await?;
            for partition in partitions {
                let number = partition.strip_prefix("event_log_").and_then(|day| day.parse().ok());
                if number.is_some_and(|number: i32| number < day) {
                    match drop_table(pool, &partition).await {
                        Ok(()) => {
                            tracing::info!(partition, "old day of the event log dropped");
                        }
                        Err(sqlx::Error::Database(error))
                            if error.code().as_deref() == Some(LOCK_TIMEOUT) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            let delete = "DELETE FROM event_log_other WHERE (id, day) IN \
                (SELECT id, day FROM event_log_other WHERE day < $1 LIMIT $2)";
            loop {
                let query = sqlx::query(delete).bind(day).bind(CHUNK);
                if query.execute(pool).await?.rows_affected() == 0 {
                    break;
                }
            }
        }
        Database::Sqlite(pools, _) => {
            let pool = &pools.writing;
            let delete = "DELETE FROM event_log WHERE (id, day) IN \
                (SELECT id, day FROM event_log WHERE id < $1 LIMIT $2)";
            loop {
                let query = sqlx::query(delete).bind(first_line_of_day(day)).bind(CHUNK);
                if query.execute(pool).await?.rows_affected() == 0 {
                    break;
                }
            }
            sqlx::query("PRAGMA incremental_vacuum(20000)").execute(pool).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
