//! The days of the event log: made ahead where they are partitions, and dropped when they are
//! old.

use std::time::Duration;

use shared::clock::now_ms;
use sqlx::{AssertSqlSafe, PgPool};

use super::Records;
use super::clock::day_of;
use super::database::{Database, begin};
use super::erasure::sweep;

/// A worker that comes up at night must find tomorrow's.
const AHEAD: i32 = 3;
/// So often it is looked whether a day has begun.
const EVERY: Duration = Duration::from_secs(600);
/// PostgreSQL's word for a lock that was not had in time.
const LOCK_TIMEOUT: &str = "55P03";
/// Rows that one statement deletes where a day is no table of its own.
const CHUNK: i64 = 5000;

/// Keeps partitions ahead, old days gone and erased content erased, without end.
pub(super) async fn keep(records: Records, retention: Duration) {
    loop {
        let kept = async {
            let database = records.ready().await?;
            let today = day_of(now_ms());
            make(database, today).await?;
            let days = i32::try_from(retention.as_secs() / (24 * 3600)).unwrap_or(i32::MAX);
            drop_before(database, today.saturating_sub(days)).await?;
            anyhow::Ok(())
        };
        if let Err(error) = kept.await {
            tracing::warn!(
                error = format!("{error:#}"),
                "days of the event log were not looked after"
            );
        }
        let swept = async { anyhow::Ok(sweep(records.ready().await?).await?) };
        if let Err(error) = swept.await {
            tracing::warn!(error = format!("{error:#}"), "erased contacts were not looked after");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Makes the partitions of today and of the days to come. Rows of a day without one are in the
/// default partition, and keep that day from getting its own: they stay there until they are old.
pub(super) async fn make(database: &Database, today: i32) -> Result<(), sqlx::Error> {
    let Database::Postgres(pool) = database else { return Ok(()) };
    for day in today..=today + AHEAD {
        let is_there = "SELECT to_regclass($1) IS NOT NULL";
        let name = format!("event_log_{day}");
        if sqlx::query_scalar(is_there).bind(name).fetch_one(pool).await? {
            continue;
        }
        let create = format!(
            "CREATE TABLE IF NOT EXISTS event_log_{day} PARTITION OF event_log \
             FOR VALUES FROM ({day}) TO ({})",
            day + 1
        );
        match unless_busy(pool, create).await {
            Ok(()) => {}
            // Made by another process at this moment, held by rows in the default partition, or by
            // somebody who reads all of it: the next time, or never.
            Err(sqlx::Error::Database(error))
                if matches!(
                    error.code().as_deref(),
                    Some("42P07" | "23514" | "23505" | LOCK_TIMEOUT)
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Changes a table, unless somebody holds it for long: whoever comes behind one who waits for a
/// table's lock waits as well, and a backup reads for hours.
async fn unless_busy(pool: &PgPool, change: String) -> Result<(), sqlx::Error> {
    let mut transaction = begin(pool).await?;
    sqlx::query("SET LOCAL lock_timeout = '2s'").execute(&mut *transaction).await?;
    sqlx::query(AssertSqlSafe(change)).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Drops every day before `day`.
pub(super) async fn drop_before(database: &Database, day: i32) -> Result<(), sqlx::Error> {
    match database {
        Database::Postgres(pool) => {
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
                    let drop = format!("DROP TABLE IF EXISTS {partition}");
                    match unless_busy(pool, drop).await {
                        Ok(()) => {
                            tracing::info!(partition, "old day of the event log dropped");
                        }
                        Err(sqlx::Error::Database(error))
                            if error.code().as_deref() == Some(LOCK_TIMEOUT) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            sqlx::query("DELETE FROM event_log_other WHERE day < $1")
                .bind(day)
                .execute(pool)
                .await?;
        }
        Database::Sqlite(pool, _) => {
            let delete = "DELETE FROM event_log WHERE (day, id) IN \
                (SELECT day, id FROM event_log WHERE day < $1 LIMIT $2)";
            loop {
                let query = sqlx::query(delete).bind(day).bind(CHUNK);
                if query.execute(pool).await?.rows_affected() == 0 {
                    break;
                }
            }
            sqlx::query("PRAGMA incremental_vacuum(20000)").execute(pool).await?;
        }
    }
    Ok(())
}
