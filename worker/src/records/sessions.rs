//! Sessions of consoles that were ended before their time: kept here until then, so that they are
//! over for every console on these records, and stay so over a restart.

use super::database::{on_pool, on_transaction};
use super::handle::Records;

impl Records {
    /// Notes that a session has ended that would else last until `expires_ms`.
    pub(crate) async fn end_session(
        &self,
        id: &str,
        expires_ms: i64,
        now_ms: i64,
    ) -> anyhow::Result<()> {
        let mut transaction = self.ready().await?.transaction().await?;
        on_transaction!(&mut transaction, connection => {
            // Those that would be over by now need not be known any more.
            sqlx::query("DELETE FROM ended_session WHERE expires_ms <= $1")
                .bind(now_ms)
                .execute(&mut *connection)
                .await?;
            sqlx::query(
                "INSERT INTO ended_session (id, expires_ms) VALUES ($1, $2) \
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(id)
            .bind(expires_ms)
            .execute(connection)
            .await?;
        });
        Ok(transaction.commit().await?)
    }

    /// The sessions that were ended and would not be over yet.
    pub(crate) async fn ended_sessions(&self, now_ms: i64) -> anyhow::Result<Vec<String>> {
        let database = self.ready().await?;
        let select = "SELECT id FROM ended_session WHERE expires_ms > $1";
        Ok(on_pool!(database, pool => {
            sqlx::query_scalar(select).bind(now_ms).fetch_all(pool).await?
        }))
    }
}
