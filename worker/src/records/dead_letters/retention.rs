//! Deletes what is over, after a while: letters that were discarded or whose retry has ended, then
//! problems that no letter is left of, old hours of the trend, and the runs of jobs. Dead letters are never deleted.

use std::time::Duration;

use shared::clock::now_ms;
use sqlx::QueryBuilder;

use super::audit;
use super::filter::Filter;
use super::handle::DeadLetters;
use super::hour::{TREND_HOURS, hour_of};
use super::moves::Move;
use super::state::State;
use crate::records::database::{Database, on_pool, on_transaction};
use crate::records::runs::forget::forget;

/// Problems deleted in one transaction.
const CHUNK: i64 = 500;

/// How long letters are kept that are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Discarded ones, and so long they can be restored.
    pub discarded: Duration,
    /// Those whose retry has ended, be it in another letter; and problems without letters.
    pub resolved: Duration,
}

/// How many were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Letters that were discarded.
    pub discarded: u64,
    /// Letters whose retry had succeeded.
    pub resolved: u64,
    /// Letters whose retry had ended in another one.
    pub died_again: u64,
    /// Problems.
    pub problems: u64,
}

/// What was discarded before this moment can no longer be restored.
pub(in crate::records) fn limit(retention: Duration) -> i64 {
    now_ms().saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX))
}

impl DeadLetters {
    /// Deletes letters that have been over for longer than they are kept, and problems that no letter
    /// is left of, that nobody has written a note on and that were not met for so long. Who did it
    /// stands in the audit as `hubline`.
    pub async fn expire(&self, retention: Retention) -> anyhow::Result<Expired> {
        let database = self.records.ready().await?;
        let expired = Expired {
            discarded: self.delete(State::Discarded, retention.discarded).await?,
            resolved: self.delete(State::Resolved, retention.resolved).await?,
            died_again: self.delete(State::DiedAgain, retention.resolved).await?,
            problems: delete_problems(database, limit(retention.resolved)).await?,
        };
        if expired != Expired::default() {
            tracing::info!(
                discarded = expired.discarded,
                resolved = expired.resolved,
                died_again = expired.died_again,
                problems = expired.problems,
                "old dead letters deleted: they were over"
            );
        }
        forget(database, limit(retention.resolved)).await?;
        on_pool!(database, pool => {
            sqlx::query("DELETE FROM problem_hour WHERE hour <= $1")
                .bind(hour_of(now_ms()) - TREND_HOURS)
                .execute(pool)
                .await?;
        });
        Ok(expired)
    }

    async fn delete(&self, state: State, retention: Duration) -> anyhow::Result<u64> {
        let filter = Filter { state: Some(state), ..Filter::default() };
        let (from, to) = ([state], None);
        let step = Move::new(&filter, &from, to);
        // A letter that can be restored at this moment must not go in it.
        let cutoff_ms = limit(retention) - 1;
        self.run(Move { cutoff_ms, by: Some((audit::OWN_NAME, "delete")), ..step }).await
    }
}

/// Deletes problems without letters that were last met before `limit_ms`, some at a time.
async fn delete_problems(database: &Database, limit_ms: i64) -> Result<u64, sqlx::Error> {
    let mut deleted = 0;
    loop {
        let mut transaction = database.transaction().await?;
        let locking = transaction.locking();
        // A letter that comes in meanwhile waits for the lock, or this one does and looks again.
        let fingerprints: Vec<String> = on_transaction!(&mut transaction, connection => {
            let mut select = QueryBuilder::new(
                "SELECT fingerprint FROM problem WHERE note IS NULL AND dead = 0 \
                 AND requested = 0 AND retried = 0 AND resolved = 0 AND died_again = 0 \
                 AND discarded = 0 AND last_ms < ",
            );
            select.push_bind(limit_ms);
            select.push(" ORDER BY fingerprint LIMIT ").push_bind(CHUNK).push(locking);
            select.build_query_scalar().persistent(false).fetch_all(connection).await?
        });
        if fingerprints.is_empty() {
            return Ok(deleted);
        }
        for table in ["problem_hour", "problem_origin", "problem"] {
            on_transaction!(&mut transaction, connection => {
                let mut delete =
                    QueryBuilder::new(format!("DELETE FROM {table} WHERE fingerprint IN ("));
                let mut places = delete.separated(", ");
                for fingerprint in &fingerprints {
                    places.push_bind(fingerprint);
                }
                delete.push(")");
                delete.build().persistent(false).execute(connection).await?;
            });
        }
        let count = fingerprints.len() as u64;
        audit::note(&mut transaction, audit::OWN_NAME, "delete problems", "no letter left", count)
            .await?;
        transaction.commit().await?;
        deleted += count;
    }
}
