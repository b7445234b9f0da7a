//! How connections begin, and which limits the database itself keeps on them.

use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::{Executor as _, Postgres, SqliteConnection};
use tokio::time::Instant;

/// How long a transaction on PostgreSQL may wait for its writer's next word.
pub(super) const FROZEN: Duration = Duration::from_secs(10);
/// How long a writer waits for a lock: longer than somebody who is frozen can have it.
pub(super) const LOCKED: Duration = Duration::from_secs(15);
/// How long one statement of a writer may take: as long as anybody waits for it.
pub(super) const WRITE: Duration = Duration::from_secs(60);
/// Has PostgreSQL notice within some 15 s that a client's machine is gone.
const KEEPALIVE: &str = "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 3; \
    SET tcp_keepalives_count = 3; SET tcp_user_timeout = 15000; ";
/// Steps of SQLite between two looks at the time: some thousandths of a second.
const STEPS: i32 = 10_000;
const ACQUIRE: Duration = Duration::from_secs(3);

pub(super) fn pool<DB: sqlx::Database>(connections: u32) -> PoolOptions<DB> {
    PoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE)
}

/// Connections to PostgreSQL that begin with `settings`.
pub(super) fn setting(connections: u32, settings: &str) -> PoolOptions<Postgres> {
    let settings = format!("{KEEPALIVE}{settings}");
    pool::<Postgres>(connections).after_connect(move |connection, _| {
        let set = sqlx::raw_sql(sqlx::AssertSqlSafe(settings.clone()));
        Box::pin(async move { connection.execute(set).await.map(|_| ()) })
    })
}

/// What a connection begins with that makes the tables: its statements take as long as they take, and
/// the lock that others wait for is not kept by one who is frozen between them.
pub(in crate::records) fn of_schema() -> String {
    // `idle_session_timeout` is known since PostgreSQL 14.
    let frozen = FROZEN.as_millis();
    format!(
        "{KEEPALIVE}SET idle_in_transaction_session_timeout = {frozen}; \
         SELECT set_config(name, '{frozen}', FALSE) FROM pg_settings \
         WHERE name = 'idle_session_timeout'"
    )
}

/// Has SQLite end what runs on `connection` longer than `limit` from now on, whoever waits for it.
pub(super) async fn end_after(
    connection: &mut SqliteConnection,
    limit: Duration,
) -> Result<(), sqlx::Error> {
    let deadline = Instant::now() + limit;
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(STEPS, move || Instant::now() < deadline);
    Ok(())
}
