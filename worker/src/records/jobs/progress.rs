//! What whoever works on a job writes about it. Nothing of it counts once the job is somebody
//! else's.

use shared::clock::now_ms;

use super::handle::Jobs;
use super::job::{Job, JobState};
use crate::records::database::on_pool;
use crate::records::runs::at_work::AtWork;

impl Jobs {
    /// Says why the job does not move.
    pub(super) async fn remark(
        &self,
        job: &Job,
        at: AtWork<'_>,
        reason: &str,
    ) -> anyhow::Result<()> {
        if job.reason == reason {
            return Ok(());
        }
        let database = self.records.ready().await?;
        on_pool!(database, pool => {
            sqlx::query(
                "UPDATE job SET reason = $1 WHERE id = $2 AND owner = $3 AND state = 'running'",
            )
            .bind(reason)
            .bind(at.job_id)
            .bind(at.owner)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Notes how far a replay has come, what it has published on the way and what it could not: each
    /// place once, also if the commit was not heard of and it is noted again.
    pub(super) async fn advance(
        &self,
        at: AtWork<'_>,
        (place_ms, place_id): (i64, i64),
        published: i64,
        skipped: i64,
    ) -> anyhow::Result<()> {
        let database = self.records.ready().await?;
        on_pool!(database, pool => {
            sqlx::query(
                "UPDATE job SET place_ms = $1, place_id = $2, published = published + $3, \
                 runs = runs + $4, skipped = skipped + $4 WHERE id = $5 AND owner = $6 \
                 AND (place_ms, place_id) < ($1, $2)",
            )
            .bind(place_ms)
            .bind(place_id)
            .bind(published)
            .bind(skipped)
            .bind(at.job_id)
            .bind(at.owner)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Ends the work on a job in one way or another; false if somebody has turned it meanwhile.
    pub(super) async fn end(
        &self,
        job: &Job,
        at: AtWork<'_>,
        to: JobState,
        reason: &str,
    ) -> anyhow::Result<bool> {
        let database = self.records.ready().await?;
        let ended = on_pool!(database, pool => {
            sqlx::query(
                "UPDATE job SET state = $1, reason = $2, state_ms = $3, owner = '', \
                 owned_until_ms = 0 WHERE id = $4 AND owner = $5 AND state = $6",
            )
            .bind(to.as_str())
            .bind(reason)
            .bind(now_ms())
            .bind(at.job_id)
            .bind(at.owner)
            .bind(job.state.as_str())
            .execute(pool)
            .await?
            .rows_affected()
        });
        Ok(ended > 0)
    }
}
