//! Runs of jobs that have long been over: their rows go.

use crate::records::database::{Database, on_pool};

/// Rows of one statement.
const ROWS: i64 = 5000;

/// Deletes the runs that have ended of jobs that were over before `limit_ms`, some at a time: a copy of
/// theirs comes no more.
pub(in crate::records) async fn forget(
    database: &Database,
    limit_ms: i64,
) -> Result<(), sqlx::Error> {
    let delete = "DELETE FROM job_run WHERE (job_id, identity, target) IN \
        (SELECT job_id, identity, target FROM job CROSS JOIN job_run \
         WHERE job_run.job_id = job.id AND job.state IN ('done', 'cancelled') AND job.state_ms < $1 \
         AND stage NOT IN ('open', 'failing') LIMIT $2)";
    loop {
        let deleted = on_pool!(database, pool => {
            sqlx::query(delete).bind(limit_ms).bind(ROWS).execute(pool).await?.rows_affected()
        });
        if deleted == 0 {
            return Ok(());
        }
    }
}
