//! What a job takes for itself: claimed, read with its bytes, and said to be published or given back.

use super::exported::{Exported, fetch, first_bytes};
use super::filter::Filter;
use super::handle::DeadLetters;
use super::moves::{Move, chunk};
use super::part::Part;
use super::state::State;
use crate::records::database::on_pool;
use crate::records::runs::at_work::AtWork;

/// Claimed letters read at once.
const CLAIMED: i64 = 200;

/// Letters that a job wants: those that match, still have their event, and have been in their state
/// at `cutoff_ms`: dead ones, or those whose retry was never heard of if the filter says so.
#[derive(Clone, Copy, Debug)]
pub struct ClaimOf<'a> {
    /// The job; the claim is void if it is not running.
    pub at: AtWork<'a>,
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
        let ClaimOf { at, filter, cutoff_ms, after, limit } = claim;
        let database = self.records.ready().await?;
        let from = [filter.state.unwrap_or(State::Dead)];
        let step = Move::new(filter, &from, Some(State::Requested));
        let step = Move { cutoff_ms, part: Some((at, Part::Claim)), with_body: true, ..step };
        Ok(chunk(database, step, after, limit).await?.len())
    }

    /// Lets go of letters for a job, the oldest first, as it would claim them; but for what was erased,
    /// which goes too. Tells how many.
    pub(in crate::records) async fn discard_for_job(
        &self,
        claim: ClaimOf<'_>,
    ) -> anyhow::Result<usize> {
        let from = claim.filter.state.unwrap_or(State::Dead);
        self.move_for_job(claim, from, State::Discarded, None).await
    }

    /// Makes discarded letters dead ones again for a job, if they were discarded at `since_ms` or later.
    /// Tells how many.
    pub(in crate::records) async fn restore_for_job(
        &self,
        claim: ClaimOf<'_>,
        since_ms: Option<i64>,
    ) -> anyhow::Result<usize> {
        self.move_for_job(claim, State::Discarded, State::Dead, since_ms).await
    }

    async fn move_for_job(
        &self,
        claim: ClaimOf<'_>,
        from: State,
        to: State,
        since_ms: Option<i64>,
    ) -> anyhow::Result<usize> {
        let ClaimOf { at, filter, cutoff_ms, after, limit } = claim;
        let database = self.records.ready().await?;
        let from = [from];
        let step = Move::new(filter, &from, Some(to));
        let since_ms = since_ms.unwrap_or(step.since_ms);
        let step = Move { cutoff_ms, since_ms, part: Some((at, Part::Move)), ..step };
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

    /// Letters that a job has claimed and published.
    pub async fn mark_retried(&self, at: AtWork<'_>, ids: &[i64]) -> anyhow::Result<u64> {
        self.turn_claimed(at, Part::Publish, State::Retried, ids).await
    }

    /// Makes these of what a job has claimed dead again: it cannot publish them.
    pub(in crate::records) async fn put_back(
        &self,
        at: AtWork<'_>,
        ids: &[i64],
    ) -> anyhow::Result<u64> {
        self.turn_claimed(at, Part::Refuse, State::Dead, ids).await
    }

    /// Says that a job has published what it was publishing when it was cut off: that may well be so, and
    /// what is on its way must not look as if it waited for somebody. Tells of how many.
    pub(in crate::records) async fn leave_begun(&self, at: AtWork<'_>) -> anyhow::Result<u64> {
        let filter = Filter::default();
        let step = Move::new(&filter, &[State::Requested], Some(State::Retried));
        self.run(Move { part: Some((at, Part::Leave)), ..step }).await
    }

    /// Makes what a job has claimed and not begun to publish dead again.
    pub async fn give_back(&self, at: AtWork<'_>) -> anyhow::Result<u64> {
        let filter = Filter::default();
        let step = Move::new(&filter, &[State::Requested], Some(State::Dead));
        self.run(Move { part: Some((at, Part::GiveBack)), ..step }).await
    }

    async fn turn_claimed(
        &self,
        at: AtWork<'_>,
        part: Part,
        to: State,
        ids: &[i64],
    ) -> anyhow::Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        let filter = Filter::of(ids);
        let step = Move::new(&filter, &[State::Requested], Some(to));
        self.run(Move { part: Some((at, part)), ..step }).await
    }
}
