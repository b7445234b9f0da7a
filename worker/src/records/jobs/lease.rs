//! Who works on a job: one at a time, under a lease that is prolonged while the work goes on. Two
//! at once, because of clocks apart, would publish some letters twice, which their identities tell.

use std::time::Duration;

use shared::clock::now_ms;
use sqlx::AssertSqlSafe;

use super::Jobs;
use super::job::{COLUMNS, Job, JobState};
use crate::records::database::on_pool;

/// So long a job waits for whoever died at it.
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// The end of a lease that begins now.
fn until_ms() -> i64 {
    now_ms().saturating_add(i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX))
}

impl Jobs {
    /// Takes a job that has something to do and that nobody works on: the oldest, or `only` this
    /// one.
    pub(super) async fn take(&self, owner: &str, only: Option<i64>) -> anyhow::Result<Option<Job>> {
        let database = self.records.ready().await?;
        // The row's own condition is looked at again once another's change of it is known.
        let take = format!(
            "UPDATE job SET owner = $1, owned_until_ms = $2 WHERE id = (SELECT min(id) FROM job \
             WHERE state IN ('running', 'cancelling') AND owned_until_ms < $3 \
             AND kind IN ('retry', 'restart', 'replay', 'forced_replay') AND ($4 < 0 OR id = $4)) AND owned_until_ms < $3 RETURNING {COLUMNS}"
        );
        let job = on_pool!(database, pool => {
            sqlx::query_as(AssertSqlSafe(take))
                .bind(owner)
                .bind(until_ms())
                .bind(now_ms())
                .bind(only.unwrap_or(-1))
                .fetch_optional(pool)
                .await?
        });
        Ok(job)
    }

    /// Prolongs the lease and tells how the job stands; `None` if it is somebody else's.
    pub(super) async fn hold(&self, id: i64, owner: &str) -> anyhow::Result<Option<Job>> {
        let database = self.records.ready().await?;
        let hold = format!(
            "UPDATE job SET owned_until_ms = $1 WHERE id = $2 AND owner = $3 RETURNING {COLUMNS}"
        );
        let job = on_pool!(database, pool => {
            sqlx::query_as(AssertSqlSafe(hold))
                .bind(until_ms())
                .bind(id)
                .bind(owner)
                .fetch_optional(pool)
                .await?
        });
        Ok(job)
    }

    /// Lets go of the job, so that another need not wait.
    pub(super) async fn let_go(&self, id: i64, owner: &str) -> anyhow::Result<()> {
        let database = self.records.ready().await?;
        on_pool!(database, pool => {
            sqlx::query("UPDATE job SET owner = '', owned_until_ms = 0 WHERE id = $1 AND owner = $2")
                .bind(id)
                .bind(owner)
                .execute(pool)
                .await?;
        });
        Ok(())
    }

    /// Says why the job does not move.
    pub(super) async fn remark(&self, job: &Job, owner: &str, reason: &str) -> anyhow::Result<()> {
        if job.reason == reason {
            return Ok(());
        }
        let database = self.records.ready().await?;
        on_pool!(database, pool => {
            sqlx::query(
                "UPDATE job SET reason = $1 WHERE id = $2 AND owner = $3 AND state = 'running'",
            )
            .bind(reason)
            .bind(job.id)
            .bind(owner)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Notes how far a replay has come, what it has published on the way and what it could not.
    pub(super) async fn advance(
        &self,
        job: &Job,
        owner: &str,
        (place_ms, place_id): (i64, i64),
        published: i64,
        skipped: i64,
    ) -> anyhow::Result<()> {
        let database = self.records.ready().await?;
        on_pool!(database, pool => {
            sqlx::query(
                "UPDATE job SET place_ms = $1, place_id = $2, published = published + $3, \
                 skipped = skipped + $4 WHERE id = $5 AND owner = $6",
            )
            .bind(place_ms)
            .bind(place_id)
            .bind(published)
            .bind(skipped)
            .bind(job.id)
            .bind(owner)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Ends the work on a job in one way or another, unless somebody else has turned it meanwhile.
    pub(super) async fn end(
        &self,
        job: &Job,
        owner: &str,
        to: JobState,
        reason: &str,
    ) -> anyhow::Result<()> {
        let database = self.records.ready().await?;
        on_pool!(database, pool => {
            sqlx::query(
                "UPDATE job SET state = $1, reason = $2, state_ms = $3, owner = '', \
                 owned_until_ms = 0 WHERE id = $4 AND owner = $5 AND state = $6",
            )
            .bind(to.as_str())
            .bind(reason)
            .bind(now_ms())
            .bind(job.id)
            .bind(owner)
            .bind(job.state.as_str())
            .execute(pool)
            .await?;
        });
        Ok(())
    }
}
