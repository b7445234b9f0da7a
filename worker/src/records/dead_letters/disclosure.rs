//! What leaves the records with its content, to be kept by somebody: noted in the audit before it goes.
//! What a page shows is not.

use shared::origin::Origin;
use sqlx::QueryBuilder;

use super::audit;
use super::export::Export;
use super::filter::Filter;
use super::handle::DeadLetters;
use crate::records::database::on_reading;
use crate::records::handle::Records;
use crate::records::redaction::Redaction;

impl DeadLetters {
    /// Begins an export of the letters that match, in the order of their ids, for `who`.
    pub async fn export(&self, filter: &Filter, who: &str) -> anyhow::Result<Export> {
        let database = self.records.ready().await?;
        let (count, last): (i64, Option<i64>) = on_reading!(database, pool => {
            let mut select =
                QueryBuilder::new("SELECT count(*), max(id) FROM dead_letter WHERE true");
            filter.restrict(&mut select);
            select.build_query_as().persistent(false).fetch_one(pool).await?
        });
        self.records.disclosed(who, "export", &filter.to_string(), count.cast_unsigned()).await?;
        Ok(Export::new(self.clone(), filter.clone(), last.unwrap_or(i64::MIN)))
    }

    /// The event's bytes for `who` to keep, unless they were erased or there is no such letter.
    pub async fn hand_out(&self, id: i64, who: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let body = self.body(id).await?;
        if body.is_some() {
            self.records.disclosed(who, "payload", &format!("id={id}"), 1).await?;
        }
        Ok(body)
    }
}

impl Records {
    /// The bytes of the event with this identity for `who` to keep, if the log or a dead letter
    /// still has them; only if it is `of` this origin, where one is given.
    pub(crate) async fn hand_out_event(
        &self,
        identity: &str,
        of: Option<&Origin>,
        who: &str,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        let body = self.event_body(identity, of).await?;
        if body.is_some() {
            // The audit is kept for good, and read by people.
            let alias = self.aliases(&Redaction::default()).await?.alias_of(identity);
            self.disclosed(who, "payload", &format!("event={alias}"), 1).await?;
        }
        Ok(body)
    }

    async fn disclosed(
        &self,
        who: &str,
        action: &str,
        what: &str,
        count: u64,
    ) -> anyhow::Result<()> {
        let mut transaction = self.ready().await?.transaction().await?;
        audit::note(&mut transaction, who, action, what, count).await?;
        Ok(transaction.commit().await?)
    }
}
