//! Making jobs, looking at them, and telling them to wait, go on or end. Each is in the audit.

use shared::clock::now_ms;
use sqlx::{AssertSqlSafe, QueryBuilder};

use super::handle::Jobs;
use super::job::{COLUMNS, Job, JobState};
use super::replay;
use super::wish::{MAX_RATE, Scope, Wish};
use crate::records::database::{on_pool, on_reading, on_transaction};
use crate::records::dead_letters::audit;
use crate::records::dead_letters::plan::{Asked, Count, PLANNED, Plan};

/// Generations are counted in seconds since 2025 began, so that they grow over a new database beside
/// an old ledger too; within 32 bits until 2093.
const GENERATIONS_SINCE: i64 = 1_735_689_600;
/// How often a job is written anew that another was made beside.
const TRIES: u32 = 100;
/// The longest name that is kept, in bytes.
const MAX_WHO_BYTES: usize = 200;

impl Jobs {
    /// What a job would be about: letters or events, the times of the first and the last, origins.
    pub async fn plan(&self, scope: &Scope, cutoff_ms: i64) -> anyhow::Result<Plan> {
        self.count(scope, cutoff_ms, PLANNED).await
    }

    /// The same, of which `most` are counted.
    async fn count(&self, scope: &Scope, cutoff_ms: i64, most: i64) -> anyhow::Result<Plan> {
        scope.check()?;
        match scope {
            Scope::Letters { filter, action, since_ms } => {
                let asked = Asked {
                    filter,
                    from: action.state(filter),
                    since_ms: *since_ms,
                    cutoff_ms,
                    // What was erased cannot be published.
                    with_body: action.kind().publishes(),
                    most,
                };
                self.letters().plan(asked).await
            }
            Scope::Events { question, force } => {
                let database = self.records.ready().await?;
                Ok(replay::plan(database, question, *force, cutoff_ms, most).await?)
            }
        }
    }

    /// Makes a job that nobody has planned before: see [`Self::make`].
    pub async fn create(&self, wish: &Wish) -> anyhow::Result<Option<Job>> {
        self.make(wish, None).await
    }

    /// Makes a job, which anybody who runs jobs begins with at once; `None` if there is nothing to
    /// do. How much there is was counted for the plan: what that said is not counted again. A plan that
    /// is sent twice, by a second click or because the answer was lost, is the job that it was.
    pub async fn make(&self, wish: &Wish, planned: Option<Count>) -> anyhow::Result<Option<Job>> {
        anyhow::ensure!(wish.rate <= MAX_RATE, "a rate is at most {MAX_RATE} a second");
        let plan = planned.map(|_| wish.plan()).transpose()?;
        // First of all: what the plan was about may be dealt with by now.
        if let Some(job) = self.planned(plan.as_deref()).await? {
            return Ok(Some(job));
        }
        // What is still to come is in nobody's plan, least of all what the job itself publishes.
        let cutoff_ms = wish.cutoff_ms.min(now_ms());
        let planned = planned.filter(|planned| planned.count > 0);
        let most = if planned.is_some() { 1 } else { PLANNED };
        let found = self.count(&wish.scope, cutoff_ms, most).await?.counted();
        if found.count == 0 {
            return Ok(None);
        }
        let (planned, mut tries) = (planned.unwrap_or(found), 0);
        loop {
            match self.insert(wish, cutoff_ms, planned, plan.as_deref()).await {
                // Another job was made at the same moment: it has the generation, or is of this plan.
                Err(error) if is_taken(&error) && tries < TRIES => tries += 1,
                made => return made.map(Some),
            }
            if let Some(job) = self.planned(plan.as_deref()).await? {
                return Ok(Some(job));
            }
        }
    }

    /// The job of this plan, if it is made.
    async fn planned(&self, plan: Option<&str>) -> anyhow::Result<Option<Job>> {
        let Some(plan) = plan else { return Ok(None) };
        let database = self.records.ready().await?;
        let select = format!("SELECT {COLUMNS} FROM job WHERE plan = $1");
        // Not behind those who read pages: somebody waits for what they have sent.
        let job = on_pool!(database, pool => {
            sqlx::query_as(AssertSqlSafe(select)).bind(plan).fetch_optional(pool).await?
        });
        Ok(job)
    }

    /// Writes the job with its line of the audit.
    async fn insert(
        &self,
        wish: &Wish,
        cutoff_ms: i64,
        planned: Count,
        plan: Option<&str>,
    ) -> anyhow::Result<Job> {
        let scope = serde_json::to_string(&wish.scope)?.replace("\\u0000", "\\ufffd");
        let words = wish.scope.words().replace('\0', "\u{fffd}");
        let who = wish.who.replace('\0', "\u{fffd}");
        let who = &who[..who.floor_char_boundary(MAX_WHO_BYTES)];
        let kind = wish.scope.kind().as_str();
        let database = self.records.ready().await?;
        let mut transaction = database.transaction().await?;
        let now_ms = now_ms();
        let insert = format!(
            "INSERT INTO job (kind, who, scope, filter, cutoff_ms, generation, rate, state, reason, planned, planned_more, \
             published, runs, succeeded, failing, died, skipped, recent, trusted, created_ms, state_ms, place_ms, place_id, \
             owner, owned_until_ms, plan) VALUES ($1, $2, $3, $4, $5, \
             (SELECT CASE WHEN coalesce(max(generation), 0) < $10 THEN $10 \
              ELSE max(generation) + 1 END FROM job), $6, 'running', '', $7, $11, 0, 0, 0, 0, 0, 0, \
             '', FALSE, $8, $8, $9, $9, '', 0, $12) RETURNING {COLUMNS}"
        );
        let job: Job = on_transaction!(&mut transaction, connection => {
            sqlx::query_as(AssertSqlSafe(insert))
                .bind(kind)
                .bind(who)
                .bind(scope)
                .bind(&words)
                .bind(cutoff_ms)
                .bind(i64::from(wish.rate))
                .bind(planned.count)
                .bind(now_ms)
                .bind(i64::MIN)
                .bind(now_ms / 1000 - GENERATIONS_SINCE)
                .bind(planned.more)
                .bind(plan)
                .fetch_one(connection)
                .await?
        });
        let filter = format!("job={} {words}", job.id);
        let count = u64::try_from(planned.count).unwrap_or_default();
        audit::note(&mut transaction, who, kind, &filter, count).await?;
        transaction.commit().await?;
        Ok(job)
    }

    /// The job with this number, if there is one.
    pub async fn get(&self, id: i64) -> anyhow::Result<Option<Job>> {
        let database = self.records.ready().await?;
        let select = format!("SELECT {COLUMNS} FROM job WHERE id = $1");
        let job = on_reading!(database, pool => {
            sqlx::query_as(AssertSqlSafe(select)).bind(id).fetch_optional(pool).await?
        });
        Ok(job)
    }

    /// Jobs, the latest first, at most `limit`; only those with a smaller number than `before`.
    pub async fn list(&self, before: Option<i64>, limit: u32) -> anyhow::Result<Vec<Job>> {
        let database = self.records.ready().await?;
        let jobs = on_reading!(database, pool => {
            let mut select = QueryBuilder::new(format!("SELECT {COLUMNS} FROM job WHERE true"));
            if let Some(before) = before {
                select.push(" AND id < ").push_bind(before);
            }
            select.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit));
            select.build_query_as().persistent(false).fetch_all(pool).await?
        });
        Ok(jobs)
    }

    /// Lets a running job wait; false if it is not running.
    pub async fn pause(&self, id: i64, who: &str) -> anyhow::Result<bool> {
        self.turn(id, who, "pause", &[JobState::Running], JobState::Paused).await
    }

    /// Lets a job go on that was paused or has stopped; false if it is neither.
    pub async fn resume(&self, id: i64, who: &str) -> anyhow::Result<bool> {
        let from = [JobState::Paused, JobState::Stopped];
        self.turn(id, who, "resume", &from, JobState::Running).await
    }

    /// Ends a job: what it has published stays published, the rest is dead as before. False if it
    /// has ended already.
    pub async fn cancel(&self, id: i64, who: &str) -> anyhow::Result<bool> {
        let from = [JobState::Running, JobState::Paused, JobState::Stopped];
        self.turn(id, who, "cancel", &from, JobState::Cancelling).await
    }

    async fn turn(
        &self,
        id: i64,
        who: &str,
        action: &str,
        from: &[JobState],
        to: JobState,
    ) -> anyhow::Result<bool> {
        let database = self.records.ready().await?;
        let mut transaction = database.transaction().await?;
        let turned = on_transaction!(&mut transaction, connection => {
            let mut update = QueryBuilder::new("UPDATE job SET reason = '', recent = '', trusted = ");
            // Whoever lets it go on has seen how the first few fare.
            update.push("(trusted OR (published > 0 AND ").push_bind(to == JobState::Running);
            update.push(")), state = ").push_bind(to.as_str()).push(", state_ms = ").push_bind(now_ms());
            update.push(" WHERE id = ").push_bind(id).push(" AND state IN (");
            let mut states = update.separated(", ");
            for state in from {
                states.push_bind(state.as_str());
            }
            update.push(")");
            update.build().persistent(false).execute(connection).await?.rows_affected()
        });
        if turned == 0 {
            return Ok(false);
        }
        audit::note(&mut transaction, who, action, &format!("job={id}"), turned).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Whether it is that something must be there once only, and is there.
fn is_taken(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
    error.is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
