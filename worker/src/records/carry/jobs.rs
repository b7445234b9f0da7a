//! What was done in bulk.

use crate::records::database::{Database, on_pool};
use crate::records::row::from_row;

from_row! {
    struct Row {
        id: i64,
        kind: String,
        who: String,
        scope: String,
        filter: String,
        cutoff_ms: i64,
        generation: i64,
        rate: i64,
        state: String,
        reason: String,
        planned: i64,
        planned_more: bool,
        published: i64,
        succeeded: i64,
        died: i64,
        skipped: i64,
        created_ms: i64,
        state_ms: i64,
    }
}

/// Jobs get numbers of the other records'. One that was not over cannot go on: its letters have other
/// numbers there, and its events are in another log.
pub(super) async fn jobs(from: &Database, to: &Database) -> Result<u64, sqlx::Error> {
    let jobs: Vec<Row> = on_pool!(from, pool => {
        sqlx::query_as(
            "SELECT id, kind, who, scope, filter, cutoff_ms, generation, rate, state, reason, planned, \
             planned_more, published, succeeded, died, skipped, created_ms, state_ms FROM job ORDER BY id",
        )
        .fetch_all(pool)
        .await?
    });
    let mut carried = 0;
    for job in jobs {
        let is_over = matches!(&*job.state, "done" | "cancelled");
        let mut reason = format!("was job {} of the standalone", job.id);
        if !is_over {
            reason += ", and not over when that was moved: plan it anew";
        }
        if !job.reason.is_empty() {
            reason = format!("{reason}; {}", job.reason);
        }
        carried += on_pool!(to, pool => {
            // Generations are each job's own.
            sqlx::query(
                "INSERT INTO job (kind, who, scope, filter, cutoff_ms, generation, rate, state, \
                 reason, planned, planned_more, published, succeeded, died, skipped, recent, \
                 failing, trusted, created_ms, state_ms, place_ms, place_id, owner, owned_until_ms, runs) \
                 SELECT $1, $2, $3, $4, $5, \
                 (SELECT CASE WHEN count(*) = 0 THEN $6 \
                  ELSE (SELECT min(generation) FROM job) - 1 END FROM job WHERE generation = $6), \
                 $7, $8, $9, $10, $17, $11, $12, $13, $14, '', 0, FALSE, $15, $16, 0, 0, '', 0, $18 \
                 WHERE NOT EXISTS (SELECT 1 FROM job WHERE kind = $1 AND who = $2 AND scope = $3 \
                  AND created_ms = $15)",
            )
            .bind(&job.kind)
            .bind(&job.who)
            .bind(&job.scope)
            .bind(&job.filter)
            .bind(job.cutoff_ms)
            .bind(job.generation)
            .bind(job.rate)
            .bind(if is_over { &*job.state } else { "cancelled" })
            .bind(reason)
            .bind(job.planned)
            .bind(job.published)
            .bind(job.succeeded)
            .bind(job.died)
            .bind(job.skipped)
            .bind(job.created_ms)
            .bind(job.state_ms)
            .bind(job.planned_more)
            // What was still on its way there comes as nobody's: no more of it will be told here.
            .bind(job.succeeded + job.died + job.skipped)
            .execute(pool)
            .await?
            .rows_affected()
        });
    }
    Ok(carried)
}
