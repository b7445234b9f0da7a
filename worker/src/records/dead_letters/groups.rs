//! How many distinct problems there are: read from counters, without counting letters.

use std::collections::HashMap;

use serde::Serialize;
use shared::clock::now_ms;
use sqlx::{AssertSqlSafe, FromRow, QueryBuilder};

use super::DeadLetters;
use super::index::{TREND_HOURS, hour_of};
use super::state::Counters;
use crate::records::database::{Database, on_reading};

/// What letters are grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// The problem.
    #[default]
    Fingerprint,
    /// The error's code.
    Code,
    /// The target.
    Target,
    /// The sender, and the account there.
    Origin,
}

/// Letters that have something in common. What a grouping does not know is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What they have in common: a fingerprint, a code, a target (empty for none) or an origin.
    pub key: String,
    /// The letters that are dead.
    pub dead: i64,
    /// Letters by state; not by origin.
    pub counters: Option<Counters>,
    /// How many problems they are of.
    pub problems: i64,
    /// Of how many origins letters are dead.
    pub origins: i64,
    /// Whether there are more, which were not counted.
    pub more_origins: bool,
    /// The error's code; only of a problem.
    pub code: Option<String>,
    /// The handler; only of a problem.
    #[serde(rename = "handler")]
    pub target: Option<String>,
    /// The error of a letter, the last one unless that is gone; only of a problem.
    pub sample: Option<String>,
    /// That letter.
    pub sample_id: Option<i64>,
    /// What people wrote about the problem.
    pub note: Option<String>,
    /// The version of the rule that made the fingerprint.
    pub rule: Option<i32>,
    /// When the first one died; not by origin.
    pub first_ms: Option<i64>,
    /// When the last one died.
    pub last_ms: i64,
    /// Deaths in each of the last 24 hours, the present one last; only of a problem.
    pub trend: Option<Vec<i64>>,
}

/// Some groups.
#[derive(Clone, Debug)]
pub struct Groups {
    /// They, the largest first.
    pub groups: Vec<Group>,
    /// How many there are in all.
    pub count: i64,
    /// How many letters are dead in all of them.
    pub dead: i64,
}

#[derive(FromRow)]
struct Problem {
    fingerprint: String,
    rule: i32,
    code: String,
    target: String,
    sample: Option<String>,
    sample_id: Option<i64>,
    #[sqlx(flatten)]
    counters: Counters,
    origins: i64,
    first_ms: i64,
    last_ms: i64,
    note: Option<String>,
}

#[derive(FromRow)]
struct Sum {
    key: String,
    #[sqlx(flatten)]
    counters: Counters,
    problems: i64,
    origins: i64,
    first_ms: i64,
    last_ms: i64,
}

#[derive(FromRow)]
struct ByOrigin {
    origin: String,
    dead: i64,
    problems: i64,
    last_ms: i64,
}

/// Those with letters that somebody still has to do with, unless all are asked for.
const OPEN: &str = "($1 OR dead + requested + retried > 0)";
/// One page of them: only of these it is looked what they are about. In place of the last letter, if
/// that was erased or deleted, another one says it.
const PROBLEMS: &str = "SELECT shown.*, \
    (SELECT error FROM dead_letter WHERE dead_letter.id = shown.sample_id) AS sample \
    FROM (SELECT page.*, \
     (SELECT count(*) FROM problem_origin \
      WHERE problem_origin.fingerprint = page.fingerprint AND problem_origin.dead > 0) AS origins, \
     COALESCE(\
      (SELECT id FROM dead_letter WHERE id = page.last_id AND body IS NOT NULL), \
      (SELECT id FROM dead_letter \
       WHERE dead_letter.fingerprint = page.fingerprint AND body IS NOT NULL LIMIT 1)) AS sample_id \
     FROM (SELECT fingerprint, rule, code, target, dead, requested, retried, resolved, died_again, \
      discarded, first_ms, last_ms, note, sample_id AS last_id FROM problem WHERE {which} \
      ORDER BY dead DESC, last_ms DESC, fingerprint LIMIT $3 OFFSET $4) AS page) AS shown \
     ORDER BY dead DESC, last_ms DESC, fingerprint";
const HOURS: &str = "SELECT fingerprint, hour, deaths FROM problem_hour WHERE hour > ";
const ORIGINS: &str = "SELECT origin, dead, problems, last_ms FROM origin WHERE dead > 0 \
    ORDER BY dead DESC, last_ms DESC, origin LIMIT $1 OFFSET $2";
/// Where problems are summed up, the origins of so many are looked at.
const LOOKED_AT: i64 = 30;
/// The longest list of problems that is named one by one.
const NAMED: usize = 500;

/// Which of the groups.
#[derive(Clone, Copy, Debug)]
struct Part {
    first: i64,
    limit: i64,
}

const EVERY: Part = Part { first: 0, limit: i64::MAX };

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
        let groups = some(database, by, all, Part { first, limit }).await?;
        let (count, dead) = totals(database, by, all).await?;
        Ok(Groups { groups, count, dead })
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
    part: Part,
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

/// Some of them, or the one with this fingerprint.
async fn problems(
    database: &Database,
    all: bool,
    fingerprint: &str,
    Part { first, limit }: Part,
) -> Result<Vec<Group>, sqlx::Error> {
    let which = format!("{OPEN} AND ($2 = '' OR fingerprint = $2)");
    let select = PROBLEMS.replace("{which}", &which);
    let problems: Vec<Problem> = on_reading!(database, pool => {
        sqlx::query_as(AssertSqlSafe(select))
            .bind(all)
            .bind(fingerprint)
            .bind(limit)
            .bind(first)
            .persistent(false)
            .fetch_all(pool)
            .await?
    });
    let now = hour_of(now_ms());
    let hours: Vec<(String, i64, i64)> = on_reading!(database, pool => {
        let mut select = QueryBuilder::new(HOURS);
        select.push_bind(now - TREND_HOURS);
        if problems.len() <= NAMED {
            // Of a list that may be empty.
            select.push(" AND fingerprint IN (''");
            for problem in &problems {
                select.push(", ").push_bind(&problem.fingerprint);
            }
            select.push(")");
        }
        select.build_query_as().persistent(false).fetch_all(pool).await?
    });
    let mut trends: HashMap<String, Vec<i64>> = HashMap::new();
    for (fingerprint, hour, deaths) in hours {
        let trend =
            trends.entry(fingerprint).or_insert_with(|| (0..TREND_HOURS).map(|_| 0).collect());
        let place = usize::try_from(TREND_HOURS - 1 - (now - hour)).ok();
        if let Some(place) = place.and_then(|place| trend.get_mut(place)) {
            *place += deaths;
        }
    }
    let group = |problem: Problem| Group {
        dead: problem.counters.dead,
        counters: Some(problem.counters),
        problems: 1,
        origins: problem.origins,
        more_origins: false,
        code: Some(problem.code),
        target: Some(problem.target),
        sample: Some(problem.sample.unwrap_or_default()),
        sample_id: problem.sample_id,
        note: problem.note,
        rule: Some(problem.rule),
        first_ms: Some(problem.first_ms),
        last_ms: problem.last_ms,
        trend: Some(
            trends
                .remove(&problem.fingerprint)
                .unwrap_or_else(|| (0..TREND_HOURS).map(|_| 0).collect()),
        ),
        key: problem.fingerprint,
    };
    Ok(problems.into_iter().map(group).collect())
}

/// Sums over the problems with the same `column`.
async fn sums(
    database: &Database,
    column: &'static str,
    all: bool,
    Part { first, limit }: Part,
) -> Result<Vec<Group>, sqlx::Error> {
    let totals = ["dead", "requested", "retried", "resolved", "died_again", "discarded"]
        .map(|state| format!("CAST(sum({state}) AS BIGINT) AS {state}"))
        .join(", ");
    // Only of these it is looked of how many origins, and not further than is quick.
    let select = format!(
        "SELECT page.*, (SELECT count(DISTINCT origin) FROM \
          (SELECT fingerprint FROM problem WHERE {column} = page.key AND dead > 0 \
           LIMIT {LOOKED_AT}) AS few \
          JOIN problem_origin ON problem_origin.fingerprint = few.fingerprint \
          WHERE problem_origin.dead > 0) AS origins FROM \
         (SELECT {column} AS key, {totals}, count(*) AS problems, \
          min(first_ms) AS first_ms, max(last_ms) AS last_ms \
          FROM problem WHERE {OPEN} GROUP BY {column} \
          ORDER BY 2 DESC, {column} LIMIT $2 OFFSET $3) AS page ORDER BY dead DESC, key"
    );
    let sums: Vec<Sum> = on_reading!(database, pool => {
        sqlx::query_as(AssertSqlSafe(select))
            .bind(all)
            .bind(limit)
            .bind(first)
            .persistent(false)
            .fetch_all(pool)
            .await?
    });
    let group = |sum: Sum| Group {
        key: sum.key,
        dead: sum.counters.dead,
        counters: Some(sum.counters),
        problems: sum.problems,
        origins: sum.origins,
        more_origins: sum.problems > LOOKED_AT,
        first_ms: Some(sum.first_ms),
        last_ms: sum.last_ms,
        ..empty()
    };
    Ok(sums.into_iter().map(group).collect())
}

async fn origins(
    database: &Database,
    Part { first, limit }: Part,
) -> Result<Vec<Group>, sqlx::Error> {
    let origins: Vec<ByOrigin> = on_reading!(database, pool => {
        sqlx::query_as(ORIGINS).bind(limit).bind(first).fetch_all(pool).await?
    });
    let group = |of: ByOrigin| Group {
        key: of.origin,
        dead: of.dead,
        problems: of.problems,
        origins: 1,
        last_ms: of.last_ms,
        ..empty()
    };
    Ok(origins.into_iter().map(group).collect())
}

fn empty() -> Group {
    Group {
        key: String::new(),
        dead: 0,
        counters: None,
        problems: 0,
        origins: 0,
        more_origins: false,
        code: None,
        target: None,
        sample: None,
        sample_id: None,
        note: None,
        rule: None,
        first_ms: None,
        last_ms: 0,
        trend: None,
    }
}
