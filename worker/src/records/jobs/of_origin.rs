//! Jobs that are about one origin and no other, for those who see that one alone.

use shared::origin::Origin;
use sqlx::QueryBuilder;

use super::handle::Jobs;
use super::job::{COLUMNS, Job};
use super::wish::Scope;
use crate::records::database::on_reading;

impl Jobs {
    /// The job with this number, if it is one of these.
    pub(crate) async fn get_of(&self, origin: &Origin, id: i64) -> anyhow::Result<Option<Job>> {
        Ok(self.get(id).await?.filter(|job| is_of(job, origin)))
    }

    /// These, the latest first, at most `limit`; only those with a smaller number than `before`.
    pub(crate) async fn list_of(
        &self,
        origin: &Origin,
        before: Option<i64>,
        limit: u32,
    ) -> anyhow::Result<Vec<Job>> {
        let database = self.records.ready().await?;
        // As JSON has it; within a text its quotes would stand behind backslashes.
        let named = format!("\"origin\":{}", serde_json::to_string(origin)?);
        let jobs: Vec<Job> = on_reading!(database, pool => {
            let mut select = QueryBuilder::new(format!("SELECT {COLUMNS} FROM job WHERE "));
            select.push("replace(scope, ").push_bind(named).push(", '') <> scope");
            if let Some(before) = before {
                select.push(" AND id < ").push_bind(before);
            }
            select.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit));
            select.build_query_as().persistent(false).fetch_all(pool).await?
        });
        Ok(jobs.into_iter().filter(|job| is_of(job, origin)).collect())
    }
}

/// Nothing that cannot be understood is.
fn is_of(job: &Job, origin: &Origin) -> bool {
    let scope: Result<Scope, _> = serde_json::from_str(&job.scope);
    scope.is_ok_and(|scope| scope.origin() == Some(origin))
}
