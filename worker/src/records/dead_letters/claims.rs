//! What a job takes for itself: claimed, read with its bytes, and said to be published or given back.

use super::DeadLetters;
use super::export::{Exported, fetch};
use super::filter::Filter;
use super::moves::{Move, chunk};
use super::state::State;
use crate::records::database::on_pool;

/// Claimed letters read at once, and the bytes of letters in memory at once.
const CLAIMED: i64 = 200;
const AT_ONCE_BYTES: i64 = 4 * 1024 * 1024;

/// Letters that a job wants: those that match, still have their event, and have been in their state
/// at `cutoff_ms`: dead ones, or those whose retry was never heard of if the filter says so.
#[derive(Clone, Copy, Debug)]
pub struct ClaimOf<'a> {
    /// The job.
    pub job_id: i64,
    /// Who works on it; the claim is void if that is somebody else by now, or the job is not running.
    pub owner: Option<&'a str>,
    /// Which letters.
    pub filter: &'a Filter,
    /// What came into its state later is left alone.
    pub cutoff_ms: i64,
    /// Letters up to this one are not looked at: they were claimed before, or are not of the plan.
    pub after: i64,
    /// At most so many.
    pub limit: u32,
}

impl DeadLetters {
    /// Claims letters for a job, the oldest first. They are `requested` then, and nobody else gets
    /// them. Tells how many: none if somebody else works on the job by now, or it is to end.
    pub async fn claim_for_job(&self, claim: ClaimOf<'_>) -> anyhow::Result<usize> {
        let ClaimOf { job_id, owner, filter, cutoff_ms, after, limit } = claim;
        let database = self.records.ready().await?;
        let from = [filter.state.unwrap_or(State::Dead)];
        let step = Move::new(filter, &from, Some(State::Requested));
        let step = Move { cutoff_ms, job_id: Some(job_id), owner, with_body: true, ..step };
        Ok(chunk(database, step, after, limit).await?.len())
    }

    /// What `job_id` has claimed and not published, with its bytes, the oldest first: as much as
    /// memory should hold, and one letter at least if there is any.
    pub async fn claimed(&self, job_id: i64) -> anyhow::Result<Vec<Exported>> {
        let database = self.records.ready().await?;
        let sizes: Vec<(i64, i64)> = on_pool!(database, pool => {
            sqlx::query_as(
                "SELECT id, coalesce(CAST(length(body) AS BIGINT), 0) FROM dead_letter \
                 WHERE job_id = $1 AND state = 'requested' ORDER BY id LIMIT $2",
            )
            .bind(job_id)
            .bind(CLAIMED)
            .fetch_all(pool)
            .await?
        });
        Ok(fetch(database, &first_bytes(sizes)).await?)
    }

    /// Letters that `job_id` has claimed and published.
    pub async fn mark_retried(&self, job_id: i64, ids: &[i64]) -> anyhow::Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        let filter = Filter::of(ids);
        let step = Move::new(&filter, &[State::Requested], Some(State::Retried));
        self.run(Move { of_job: Some(job_id), ..step }).await
    }

    /// Makes these of what `job_id` has claimed dead again.
    pub(in crate::records) async fn put_back(
        &self,
        job_id: i64,
        ids: &[i64],
    ) -> anyhow::Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        let filter = Filter::of(ids);
        let step = Move::new(&filter, &[State::Requested], Some(State::Dead));
        self.run(Move { of_job: Some(job_id), ..step }).await
    }

    /// Makes what `job_id` has claimed and not published dead again.
    pub async fn give_back(&self, job_id: i64) -> anyhow::Result<u64> {
        let filter = Filter::default();
        let step = Move::new(&filter, &[State::Requested], Some(State::Dead));
        self.run(Move { of_job: Some(job_id), ..step }).await
    }
}

/// The first letters of these ids and sizes: no more than memory should hold, and one at least.
pub(super) fn first_bytes(sizes: Vec<(i64, i64)>) -> Vec<i64> {
    let (mut bytes, mut ids) = (0, Vec::new());
    for (id, size) in sizes {
        bytes += size;
        if bytes > AT_ONCE_BYTES && !ids.is_empty() {
            break;
        }
        ids.push(id);
    }
    ids
}
