//! The runs that a job is about to cause, noted before their messages are published.

use shared::broker::Publication;

use super::handle::Jobs;
use crate::records::database::on_transaction;
use crate::records::runs::at_work::AtWork;
use crate::records::runs::book::{Book, RunId};

/// Of which run a message is, and what it is published as.
fn run_of(at: AtWork<'_>, publication: &Publication) -> (RunId, (i64, i64)) {
    let message = &publication.message;
    let key = RunId {
        job_id: at.job_id,
        identity: message.event.identity.to_string(),
        target: message.target.clone().unwrap_or_default(),
    };
    (key, (i64::from(message.generation), i64::from(message.attempt)))
}

impl Jobs {
    /// Notes the runs that are about to be published; false if nothing may be: the job is somebody
    /// else's by now, or to wait or to end.
    pub(super) async fn expect(
        &self,
        at: AtWork<'_>,
        publications: &[Publication],
    ) -> anyhow::Result<bool> {
        self.change(at, publications, true).await
    }

    /// Takes that back: the broker was sent nothing.
    pub(super) async fn withdraw(
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
        let mut book = Book::of(&mut transaction, wanted).await?;
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
