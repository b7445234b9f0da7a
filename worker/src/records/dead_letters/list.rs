//! Lists of letters, page by page, and how many there are.

use serde::Serialize;
use sqlx::{AssertSqlSafe, Database, Encode, QueryBuilder, Type};

use super::filter::Filter;
use super::handle::DeadLetters;
use super::letter::{COLUMNS, Letter};
use super::plan::Count;
use crate::records::database::on_reading;

/// Some letters, the latest first.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// They.
    pub letters: Vec<Letter>,
    /// Where the next page begins, if there is one.
    pub next: Option<i64>,
}

/// A list counts so far.
const LISTED: i64 = 1000;

impl DeadLetters {
    /// The letters that match, the latest first, at most `limit`; `before` is where a page ended.
    pub async fn list(
        &self,
        filter: &Filter,
        before: Option<i64>,
        limit: u32,
    ) -> anyhow::Result<Page> {
        let database = self.records.ready().await?;
        let mut letters: Vec<Letter> = on_reading!(database, pool => {
            // One more than asked for tells whether there are more.
            let mut select = select("", filter, before, i64::from(limit) + 1);
            select.build_query_as().persistent(false).fetch_all(pool).await?
        });
        let more = letters.len() > limit as usize;
        letters.truncate(limit as usize);
        let next = letters.last().map(|letter| letter.id).filter(|_| more);
        Ok(Page { letters, next })
    }

    /// How many letters match, all of them counted.
    pub async fn count(&self, filter: &Filter) -> anyhow::Result<i64> {
        let database = self.records.ready().await?;
        let count = on_reading!(database, pool => {
            let mut select = QueryBuilder::new("SELECT count(*) FROM dead_letter WHERE true");
            filter.restrict(&mut select);
            select.build_query_scalar().persistent(false).fetch_one(pool).await?
        });
        Ok(count)
    }

    /// How many letters match, for a list of them: what counters are kept of is told exactly, and of
    /// the rest no more is counted than is quick.
    pub async fn count_some(&self, filter: &Filter) -> anyhow::Result<Count> {
        let database = self.records.ready().await?;
        if let Some(state) = filter.state
            && (Filter { fingerprint: None, ..filter.clone() }).is_empty()
        {
            let sum = format!(
                "SELECT CAST(coalesce(sum({state}), 0) AS BIGINT) FROM problem \
                 WHERE $1 = '' OR fingerprint = $1"
            );
            let fingerprint = filter.fingerprint.as_deref().unwrap_or_default();
            let count = on_reading!(database, pool => {
                sqlx::query_scalar(AssertSqlSafe(sum))
                    .bind(fingerprint)
                    .persistent(false)
                    .fetch_one(pool)
                    .await?
            });
            return Ok(Count { count, more: false });
        }
        let counted = on_reading!(database, pool => {
            let mut select = QueryBuilder::new("SELECT count(*) FROM (");
            push_ids(&mut select, filter, None, LISTED + 1);
            select.push(") AS found");
            select.build_query_scalar().persistent(false).fetch_one(pool).await?
        });
        Ok(Count::up_to(LISTED, counted))
    }
}

/// The letters that match, the latest first; behind `explain`, which is empty where they are wanted.
/// They are looked for in the indexes alone, and then read.
fn select<DB>(explain: &str, filter: &Filter, before: Option<i64>, limit: i64) -> QueryBuilder<DB>
where
    DB: Database,
    i64: for<'t> Encode<'t, DB> + Type<DB>,
    String: for<'t> Encode<'t, DB> + Type<DB>,
{
    let mut select =
        QueryBuilder::new(format!("{explain}SELECT {COLUMNS} FROM dead_letter WHERE id IN ("));
    push_ids(&mut select, filter, before, limit);
    select.push(") ORDER BY id DESC");
    select
}

fn push_ids<DB>(select: &mut QueryBuilder<DB>, filter: &Filter, before: Option<i64>, limit: i64)
where
    DB: Database,
    i64: for<'t> Encode<'t, DB> + Type<DB>,
    String: for<'t> Encode<'t, DB> + Type<DB>,
{
    select.push("SELECT id FROM dead_letter WHERE true");
    filter.restrict(select);
    if let Some(before) = before {
        select.push(" AND id < ").push_bind(before);
    }
    select.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
}

#[cfg(test)]
mod tests;
