//! Lists of letters, page by page, and what there is to say of all that match.

use serde::Serialize;
use sqlx::{FromRow, QueryBuilder};

use super::DeadLetters;
use super::filter::Filter;
use super::letter::{COLUMNS, Letter};
use super::state::State;
use crate::records::database::on_pool;
use crate::settings::processing::REMEMBERED;

/// Some letters, the latest first.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// They.
    pub letters: Vec<Letter>,
    /// Where the next page begins, if there is one.
    pub next: Option<i64>,
}

/// What an action would be about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow, Serialize)]
pub struct Plan {
    /// How many letters.
    pub count: i64,
    /// When the first of them died.
    pub oldest_ms: Option<i64>,
    /// When the last of them died.
    pub newest_ms: Option<i64>,
    /// In how many portals.
    pub portals: i64,
}

impl Plan {
    /// Whether some of the letters are so old that the steps they name may be forgotten: a retry
    /// runs those again.
    #[must_use]
    pub fn forgets_steps(&self, now_ms: i64) -> bool {
        let remembered_ms = i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX);
        self.oldest_ms.is_some_and(|oldest_ms| oldest_ms < now_ms - remembered_ms)
    }
}

impl DeadLetters {
    /// The letters that match, the latest first, at most `limit`; `before` is where a page ended.
    pub async fn list(
        &self,
        filter: &Filter,
        before: Option<i64>,
        limit: u32,
    ) -> anyhow::Result<Page> {
        let database = self.records.ready().await?;
        let mut letters: Vec<Letter> = on_pool!(database, pool => {
            let mut select =
                QueryBuilder::new(format!("SELECT {COLUMNS} FROM dead_letter WHERE true"));
            filter.restrict(&mut select);
            if let Some(before) = before {
                select.push(" AND id < ").push_bind(before);
            }
            // One more than asked for tells whether there are more.
            select.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit) + 1);
            select.build_query_as().persistent(false).fetch_all(pool).await?
        });
        let more = letters.len() > limit as usize;
        letters.truncate(limit as usize);
        let next = letters.last().map(|letter| letter.id).filter(|_| more);
        Ok(Page { letters, next })
    }

    /// How many letters match.
    pub async fn count(&self, filter: &Filter) -> anyhow::Result<i64> {
        let database = self.records.ready().await?;
        let count = on_pool!(database, pool => {
            let mut select = QueryBuilder::new("SELECT count(*) FROM dead_letter WHERE true");
            filter.restrict(&mut select);
            select.build_query_scalar().persistent(false).fetch_one(pool).await?
        });
        Ok(count)
    }

    /// What an action on letters in `from` would be about that is told `filter` and `cutoff_ms`.
    pub async fn plan(&self, filter: &Filter, from: State, cutoff_ms: i64) -> anyhow::Result<Plan> {
        self.planned(filter, from, cutoff_ms, false).await
    }

    /// The same of a retry: what was erased cannot be retried.
    pub async fn plan_retry(&self, filter: &Filter, cutoff_ms: i64) -> anyhow::Result<Plan> {
        let from = filter.state.unwrap_or(State::Dead);
        self.planned(filter, from, cutoff_ms, true).await
    }

    async fn planned(
        &self,
        filter: &Filter,
        from: State,
        cutoff_ms: i64,
        with_body: bool,
    ) -> anyhow::Result<Plan> {
        filter.check()?;
        let database = self.records.ready().await?;
        let plan = on_pool!(database, pool => {
            let mut select = QueryBuilder::new(
                "SELECT count(*) AS count, min(died_ms) AS oldest_ms, max(died_ms) AS newest_ms, \
                 count(DISTINCT portal_id) AS portals FROM dead_letter WHERE state = ",
            );
            select.push_bind(from.as_str()).push(" AND state_ms <= ").push_bind(cutoff_ms);
            if with_body {
                select.push(" AND body IS NOT NULL");
            }
            filter.restrict(&mut select);
            select.build_query_as().persistent(false).fetch_one(pool).await?
        });
        Ok(plan)
    }
}
