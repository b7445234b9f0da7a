//! The rows of runs. Who writes them holds the lock on their job's row: a job's counters are what its
//! runs say.

use std::collections::{BTreeMap, BTreeSet};

use shared::clock::now_ms;
use sqlx::{Encode, QueryBuilder, Type};

use super::book::{Book, Run, RunId};
use super::stage::Stage;
use crate::records::database::{Transaction, on_transaction};
use crate::records::row::from_row;

/// Rows of one statement.
const ROWS: usize = 1000;

impl Book {
    /// The runs of these events of jobs, as they are known.
    pub(in crate::records) async fn of(
        transaction: &mut Transaction,
        wanted: BTreeSet<(i64, &str)>,
    ) -> Result<Self, sqlx::Error> {
        let (mut book, mut by_job) = (Self::default(), BTreeMap::<i64, Vec<&str>>::new());
        for (job_id, identity) in wanted {
            by_job.entry(job_id).or_default().push(identity);
        }
        for (job_id, identities) in by_job {
            for identities in identities.chunks(ROWS) {
                let rows: Vec<Row> = on_transaction!(&mut *transaction, connection => {
                    let mut select = select("", job_id, identities);
                    select.build_query_as().persistent(false).fetch_all(connection).await?
                });
                book.runs.extend(rows.into_iter().map(Row::into));
            }
        }
        Ok(book)
    }

    /// Writes what has changed.
    pub(in crate::records) async fn write(
        self,
        transaction: &mut Transaction,
    ) -> Result<(), sqlx::Error> {
        let Self { runs, changed, counts } = self;
        let (there, gone): (Vec<RunId>, Vec<RunId>) =
            changed.into_iter().partition(|key| runs.contains_key(key));
        let now_ms = now_ms();
        for keys in there.chunks(ROWS) {
            on_transaction!(&mut *transaction, connection => {
                let mut upsert = QueryBuilder::new(
                    "INSERT INTO job_run (job_id, identity, target, generation, attempt, copies, \
                     stage, stage_ms) ",
                );
                upsert.push_values(keys, |mut row, key| {
                    let Run { stage, published_as, copies } = runs[key];
                    row.push_bind(key.job_id)
                        .push_bind(&key.identity)
                        .push_bind(&key.target)
                        .push_bind(published_as.0)
                        .push_bind(published_as.1)
                        .push_bind(copies)
                        .push_bind(stage.as_str())
                        .push_bind(now_ms);
                });
                upsert.push(
                    " ON CONFLICT (job_id, identity, target) DO UPDATE SET \
                     copies = excluded.copies, stage = excluded.stage, stage_ms = excluded.stage_ms",
                );
                upsert.build().persistent(false).execute(connection).await?;
            });
        }
        let mut alike = BTreeMap::<(i64, &str), Vec<&str>>::new();
        for key in &gone {
            alike.entry((key.job_id, &key.target)).or_default().push(&key.identity);
        }
        for ((job_id, target), identities) in alike {
            for identities in identities.chunks(ROWS) {
                on_transaction!(&mut *transaction, connection => {
                    let mut delete = of_job("DELETE FROM job_run", job_id, identities);
                    delete.push(" AND target = ").push_bind(target);
                    delete.build().persistent(false).execute(connection).await?;
                });
            }
        }
        for (job_id, counts) in counts {
            counts.write(transaction, job_id).await?;
        }
        Ok(())
    }
}

/// What is known of a job's runs of these events, behind `explain`, which is empty where it is wanted.
fn select<DB>(explain: &str, job_id: i64, identities: &[&str]) -> QueryBuilder<DB>
where
    DB: sqlx::Database,
    i64: for<'t> Encode<'t, DB> + Type<DB>,
    String: for<'t> Encode<'t, DB> + Type<DB>,
{
    let select = format!(
        "{explain}SELECT job_id, identity, target, generation, attempt, copies, stage FROM job_run"
    );
    of_job(&select, job_id, identities)
}

/// A statement on a job's runs of these events. One job at a time: of pairs SQLite uses no index.
fn of_job<DB>(statement: &str, job_id: i64, identities: &[&str]) -> QueryBuilder<DB>
where
    DB: sqlx::Database,
    i64: for<'t> Encode<'t, DB> + Type<DB>,
    String: for<'t> Encode<'t, DB> + Type<DB>,
{
    let mut query = QueryBuilder::new(format!("{statement} WHERE job_id = "));
    query.push_bind(job_id).push(" AND identity IN (");
    let mut places = query.separated(", ");
    for identity in identities {
        places.push_bind((*identity).to_owned());
    }
    query.push(")");
    query
}

from_row! {
    struct Row {
        job_id: i64,
        identity: String,
        target: String,
        generation: i64,
        attempt: i64,
        copies: i64,
        stage: Stage as String,
    }
}

impl From<Row> for (RunId, Run) {
    fn from(row: Row) -> Self {
        let Row { job_id, identity, target, generation, attempt, copies, stage } = row;
        let published_as = (generation, attempt);
        (RunId { job_id, identity, target }, Run { stage, published_as, copies })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use secrecy::SecretString;
    use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

    use super::*;
    use crate::records::handle::Records;
    use crate::records::testing::{assert_found_by, explain};

    /// Two jobs of 10,000 runs each.
    const FILL: &str = "
        INSERT INTO job_run (job_id, identity, target, generation, attempt, copies, stage, stage_ms)
        WITH RECURSIVE run (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM run WHERE n < 19999)
        SELECT n % 2, CAST(n AS TEXT), 't', 0, 0, 1, 'open', 0 FROM run";

    /// Each batch of the event log looks for some, under the job's lock.
    async fn runs_of_some_events_are_found_by_an_index(engine: DatabaseEngine) {
        let test = TestDatabase::new(engine).await;
        let records = Records::new(&SecretString::from(test.url())).unwrap();
        let database = records.ready().await.unwrap();
        test.run(FILL).await;
        if engine == DatabaseEngine::Postgres {
            test.run("VACUUM ANALYZE job_run").await;
        }
        let plan = explain!(database, explain => select(explain, 1, &["1", "3", "5"]));
        assert_found_by("job_id", "job_run", &plan);
        assert!(plan.iter().any(|line| line.contains("identity")), "{plan:?}");
        records.close().await;
        test.end().await;
    }

    on_every_database! { runs_of_some_events_are_found_by_an_index }
}
