//! Taking up a job: one that nobody has, or whose owner has not prolonged its lease for as long as
//! that lasts. How long that is, each process sees for itself: clocks may be apart, and a database
//! that stood still was not told anything by anybody.

use std::collections::{HashMap, HashSet};

use shared::clock::now_ms;
use sqlx::{AssertSqlSafe, QueryBuilder};
use tokio::time::{Duration, Instant};

use super::handle::Jobs;
use super::job::{COLUMNS, Job, Kind};
use super::lease::LEASE;
use crate::records::database::{on_pool, on_transaction};
use crate::records::row::from_row;
use crate::records::runs::at_work::AtWork;

/// Looks that are further apart have missed too much: what they saw begins anew.
const GAP: Duration = Duration::from_secs(4);
/// Jobs looked at in one go.
const LOOKED_AT: i64 = 200;

from_row! {
    /// A job that has something to do, and its lease.
    struct Waiting {
        id: i64,
        owner: String,
        owned_until_ms: i64,
    }
}

/// The leases of others, as one process has seen them, and since when they are as they are.
#[derive(Debug, Default)]
pub(super) struct Watched {
    leases: HashMap<i64, (String, i64, Instant)>,
    looked: Option<Instant>,
}

impl Watched {
    /// Takes note of what was seen now; gives those that can be taken, in their order.
    fn see(&mut self, waiting: Vec<Waiting>, now: Instant) -> Vec<Waiting> {
        let is_close = self.looked.replace(now).is_some_and(|last| now - last <= GAP);
        let before = std::mem::take(&mut self.leases);
        let mut free = Vec::new();
        for job in waiting {
            let same = |(owner, until_ms, _): &&(String, i64, Instant)| {
                is_close && (owner, *until_ms) == (&job.owner, job.owned_until_ms)
            };
            let since = before.get(&job.id).filter(same).map_or(now, |(_, _, since)| *since);
            self.leases.insert(job.id, (job.owner.clone(), job.owned_until_ms, since));
            if job.owner.is_empty() || now - since >= LEASE {
                free.push(job);
            }
        }
        free
    }
}

/// A job that was taken.
pub(super) struct Taken {
    pub(super) job: Job,
    /// Whether somebody had it who was lost with it.
    pub(super) from_lost: bool,
}

/// The end of a lease that begins now.
fn until_ms() -> i64 {
    now_ms().saturating_add(i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX))
}

impl Jobs {
    /// Takes a job that has something to do and that nobody works on for `owner`: the oldest, or
    /// `only` this one, if it is of one of these `kinds`. Those that this process works on itself are not among them: `in_hand`.
    pub(super) async fn take(
        &self,
        owner: &str,
        only: Option<i64>,
        kinds: &[Kind],
        in_hand: &HashSet<i64>,
        watched: &mut Watched,
    ) -> anyhow::Result<Option<Taken>> {
        let database = self.records.ready().await?;
        // On SQLite it waits for its turn to write: one that cannot be had is not a look.
        let mut transaction = database.transaction().await?;
        let mut waiting: Vec<Waiting> = on_transaction!(&mut transaction, connection => {
            let mut select = QueryBuilder::new(
                "SELECT id, owner, owned_until_ms FROM job WHERE state IN ('running', 'cancelling') \
                 AND kind IN (",
            );
            let mut names = select.separated(", ");
            for kind in kinds {
                names.push_bind(kind.as_str());
            }
            select.push(")");
            if let Some(only) = only {
                select.push(" AND id = ").push_bind(only);
            }
            select.push(" ORDER BY id LIMIT ").push_bind(LOOKED_AT);
            select.build_query_as().persistent(false).fetch_all(connection).await?
        });
        waiting.retain(|job| !in_hand.contains(&job.id));
        // Whoever was quicker has changed it. One whose row is locked is left for the next look: whoever
        // has it may be frozen, and must not hold up the others.
        let take = format!(
            "UPDATE job SET owner = $1, owned_until_ms = $2 WHERE id = (SELECT id FROM job \
             WHERE id = $3 AND owner = $4 AND owned_until_ms = $5 \
             AND state IN ('running', 'cancelling'){}) RETURNING {COLUMNS}",
            transaction.skipping()
        );
        for free in watched.see(waiting, Instant::now()) {
            let job: Option<Job> = on_transaction!(&mut transaction, connection => {
                sqlx::query_as(AssertSqlSafe(take.clone()))
                    .bind(owner)
                    .bind(until_ms())
                    .bind(free.id)
                    .bind(&free.owner)
                    .bind(free.owned_until_ms)
                    .fetch_optional(connection)
                    .await?
            });
            if let Some(job) = job {
                transaction.commit().await?;
                return Ok(Some(Taken { job, from_lost: !free.owner.is_empty() }));
            }
        }
        Ok(None)
    }

    /// Prolongs a lease and tells how the job stands; `None` if it is somebody else's.
    pub(super) async fn prolong(&self, at: AtWork<'_>) -> anyhow::Result<Option<Job>> {
        let database = self.records.ready().await?;
        let prolong = format!(
            "UPDATE job SET owned_until_ms = $1 WHERE id = $2 AND owner = $3 RETURNING {COLUMNS}"
        );
        let job = on_pool!(database, pool => {
            sqlx::query_as(AssertSqlSafe(prolong))
                .bind(until_ms())
                .bind(at.job_id)
                .bind(at.owner)
                .fetch_optional(pool)
                .await?
        });
        Ok(job)
    }

    /// Lets go of the job, so that another need not wait.
    pub(super) async fn let_go(&self, at: AtWork<'_>) -> anyhow::Result<()> {
        let database = self.records.ready().await?;
        on_pool!(database, pool => {
            sqlx::query("UPDATE job SET owner = '', owned_until_ms = 0 WHERE id = $1 AND owner = $2")
                .bind(at.job_id)
                .bind(at.owner)
                .execute(pool)
                .await?;
        });
        Ok(())
    }
}
