//! Deletes what was discarded long ago, and forgets old hours of the trend.

use std::time::Duration;

use shared::clock::now_ms;

use super::DeadLetters;
use super::filter::Filter;
use super::index::{TREND_HOURS, hour_of};
use super::moves::Move;
use super::state::State;
use crate::records::database::on_pool;

/// What was discarded before this moment can no longer be restored.
pub(super) fn limit(retention: Duration) -> i64 {
    now_ms().saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX))
}

impl DeadLetters {
    /// Deletes letters that were discarded longer than `retention` ago; tells how many. Who did it
    /// stands in the audit as `hubline`.
    pub async fn expire(&self, retention: Duration) -> anyhow::Result<u64> {
        let everything = Filter::default();
        let step = Move::new(&everything, &[State::Discarded], None);
        // A letter that can be restored at this moment must not go in it.
        let cutoff_ms = limit(retention) - 1;
        let deleted = self.run(Move { cutoff_ms, by: Some(("hubline", "delete")), ..step }).await?;
        if deleted > 0 {
            tracing::info!(letters = deleted, "discarded dead letters deleted: they were too old");
        }
        let database = self.records.ready().await?;
        on_pool!(database, pool => {
            sqlx::query("DELETE FROM problem_hour WHERE hour <= $1")
                .bind(hour_of(now_ms()) - TREND_HOURS)
                .execute(pool)
                .await?;
        });
        Ok(deleted)
    }
}
