//! How many distinct problems there are: read from counters, without counting letters. Those of one origin
//! are counted from its letters, of which no counters tell all.

use sqlx::AssertSqlSafe;

use super::group::{Group, Grouping, Groups};
use super::handle::DeadLetters;
use crate::records::database::{Database, on_reading};

mod of_origin;
mod origins;
mod problems;
mod slice;
mod sums;

use origins::origins;
use problems::problems;
use slice::{EVERY, OPEN, Slice};
use sums::sums;

impl DeadLetters {
    /// All groups, the largest first. With `all` also those that nobody has to do with any more.
    pub async fn groups(&self, by: Grouping, all: bool) -> anyhow::Result<Vec<Group>> {
        Ok(some(self.records.ready().await?, by, all, EVERY).await?)
    }

    /// The same page by page: at most `limit` of them, behind the `first` ones.
    pub async fn some_groups(
        &self,
        by: Grouping,
        all: bool,
        first: i64,
        limit: i64,
    ) -> anyhow::Result<Groups> {
        let database = self.records.ready().await?;
        let groups = some(database, by, all, Slice { first, limit }).await?;
        let here = i64::try_from(groups.len()).unwrap_or(i64::MAX);
        let (count, dead) = if first == 0 && here < limit {
            // These are all: counted a moment later there may be others.
            (here, groups.iter().map(|group| group.dead).sum())
        } else {
            totals(database, by, all).await?
        };
        Ok(Groups { groups, count, dead, more: false })
    }

    /// The problem with this fingerprint, if there is one.
    pub async fn problem(&self, fingerprint: &str) -> anyhow::Result<Option<Group>> {
        if fingerprint.is_empty() {
            return Ok(None);
        }
        let database = self.records.ready().await?;
        Ok(problems(database, true, fingerprint, EVERY).await?.pop())
    }
}

async fn some(
    database: &Database,
    by: Grouping,
    all: bool,
    part: Slice,
) -> Result<Vec<Group>, sqlx::Error> {
    match by {
        Grouping::Fingerprint => problems(database, all, "", part).await,
        Grouping::Code => sums(database, "code", all, part).await,
        Grouping::Target => sums(database, "target", all, part).await,
        Grouping::Origin => origins(database, part).await,
    }
}

/// How many groups there are, and how many dead letters in all of them.
async fn totals(database: &Database, by: Grouping, all: bool) -> Result<(i64, i64), sqlx::Error> {
    let (keys, table, which) = match by {
        Grouping::Fingerprint => ("*", "problem", OPEN),
        Grouping::Code => ("DISTINCT code", "problem", OPEN),
        Grouping::Target => ("DISTINCT target", "problem", OPEN),
        Grouping::Origin => ("*", "origin", "($1 OR true) AND dead > 0"),
    };
    let select = format!(
        "SELECT count({keys}), CAST(coalesce(sum(dead), 0) AS BIGINT) FROM {table} WHERE {which}"
    );
    on_reading!(database, pool => {
        sqlx::query_as(AssertSqlSafe(select)).bind(all).persistent(false).fetch_one(pool).await
    })
}
