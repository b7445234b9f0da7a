//! The rows of runs. Who writes them holds the lock on their job's row: a job's counters are what its
//! runs say.

use std::collections::{BTreeMap, BTreeSet};

use shared::broker::Publication;
use shared::clock::now_ms;
use sqlx::{Encode, FromRow, QueryBuilder, Type};

use super::{Book, Key, Run, Stage};
use crate::records::database::{Database, Transaction, on_pool, on_transaction};
use crate::records::dead_letters::AtWork;
use crate::records::jobs::Jobs;
use crate::records::jobs::ends::Ended;

/// Rows of one statement.
const ROWS: usize = 1000;
/// And of one that deletes them.
const FORGOTTEN: i64 = 5000;

impl Book {
    async fn read(
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
    async fn write(self, transaction: &mut Transaction) -> Result<(), sqlx::Error> {
        let Self { runs, changed, counts } = self;
        let (there, gone): (Vec<Key>, Vec<Key>) =
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

#[derive(FromRow)]
struct Row {
    job_id: i64,
    identity: String,
    target: String,
    generation: i64,
    attempt: i64,
    copies: i64,
    #[sqlx(try_from = "String")]
    stage: Stage,
}

impl From<Row> for (Key, Run) {
    fn from(row: Row) -> Self {
        let Row { job_id, identity, target, generation, attempt, copies, stage } = row;
        let published_as = (generation, attempt);
        (Key { job_id, identity, target }, Run { stage, published_as, copies })
    }
}

/// Counts ends of runs, each with its job, and each run once. Last of all in a transaction: letters and
/// problems are locked before jobs.
pub(in crate::records) async fn note_ends(
    transaction: &mut Transaction,
    ends: Vec<Ended>,
) -> Result<(), sqlx::Error> {
    if ends.is_empty() {
        return Ok(());
    }
    let locked = lock(transaction, ends.iter().map(|ended| ended.job_id).collect()).await?;
    // A migration leaves jobs behind.
    let ends: Vec<Ended> =
        ends.into_iter().filter(|ended| locked.contains(&ended.job_id)).collect();
    let wanted = ends.iter().map(|ended| (ended.job_id, &*ended.identity)).collect();
    let mut book = Book::read(transaction, wanted).await?;
    for ended in &ends {
        book.tell(ended);
    }
    book.write(transaction).await
}

/// Keeps these jobs' rows from others, in order, so that two wait for one another and not in a ring.
async fn lock(
    transaction: &mut Transaction,
    ids: BTreeSet<i64>,
) -> Result<BTreeSet<i64>, sqlx::Error> {
    let locking = transaction.locking();
    let found: Vec<i64> = on_transaction!(transaction, connection => {
        let mut select = QueryBuilder::new("SELECT id FROM job WHERE id IN (");
        let mut places = select.separated(", ");
        for id in ids {
            places.push_bind(id);
        }
        select.push(") ORDER BY id").push(locking);
        select.build_query_scalar().persistent(false).fetch_all(connection).await?
    });
    Ok(found.into_iter().collect())
}

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
            sqlx::query(delete).bind(limit_ms).bind(FORGOTTEN).execute(pool).await?.rows_affected()
        });
        if deleted == 0 {
            return Ok(());
        }
    }
}

/// Of which run a message is, and what it is published as.
fn run_of(at: AtWork<'_>, publication: &Publication) -> (Key, (i64, i64)) {
    let message = &publication.message;
    let key = Key {
        job_id: at.job_id,
        identity: message.event.identity.to_string(),
        target: message.target.clone().unwrap_or_default(),
    };
    (key, (i64::from(message.generation), i64::from(message.attempt)))
}

impl Jobs {
    /// Notes the runs that are about to be published; false if nothing may be: the job is somebody
    /// else's by now, or to wait or to end.
    pub(in crate::records::jobs) async fn expect(
        &self,
        at: AtWork<'_>,
        publications: &[Publication],
    ) -> anyhow::Result<bool> {
        self.change(at, publications, true).await
    }

    /// Takes that back: the broker was sent nothing.
    pub(in crate::records::jobs) async fn withdraw(
        &self,
        at: AtWork<'_>,
        publications: &[Publication],
    ) -> anyhow::Result<bool> {
        self.change(at, publications, false).await
    }

    async fn change(
        &self,
        at: AtWork<'_>,
        publications: &[Publication],
        is_expected: bool,
    ) -> anyhow::Result<bool> {
        let database = self.records.ready().await?;
        let mut transaction = database.transaction().await?;
        let mut select = "SELECT id FROM job WHERE id = $1 AND owner = $2".to_owned();
        if is_expected {
            select += " AND state = 'running'";
        }
        select += transaction.locking();
        let found: Option<i64> = on_transaction!(&mut transaction, connection => {
            sqlx::query_scalar(sqlx::AssertSqlSafe(select))
                .bind(at.job_id)
                .bind(at.owner)
                .fetch_optional(connection)
                .await?
        });
        if found.is_none() {
            return Ok(false);
        }
        let runs: Vec<_> = publications.iter().map(|publication| run_of(at, publication)).collect();
        let wanted = runs.iter().map(|(key, _)| (key.job_id, &*key.identity)).collect();
        let mut book = Book::read(&mut transaction, wanted).await?;
        for (key, published_as) in &runs {
            if is_expected {
                book.expect(key, *published_as);
            } else {
                book.withdraw(key);
            }
        }
        book.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use secrecy::SecretString;
    use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

    use super::*;
    use crate::records::Records;
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
