//! How many distinct problems there are: read from counters, without counting letters.

use std::collections::HashMap;

use serde::Serialize;
use shared::clock::now_ms;
use sqlx::{AssertSqlSafe, FromRow};

use super::DeadLetters;
use super::index::{TREND_HOURS, hour_of};
use super::state::Counters;
use crate::records::database::{Database, on_pool};

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
    /// The HubSpot account.
    Portal,
}

/// Letters that have something in common. What a grouping does not know is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What they have in common: a fingerprint, a code, a target (empty for none) or a portal.
    pub key: String,
    /// The letters that are dead.
    pub dead: i64,
    /// Letters by state; not by portal.
    pub counters: Option<Counters>,
    /// How many problems they are of.
    pub problems: i64,
    /// In how many portals letters are dead.
    pub portals: i64,
    /// The error's code; only of a problem.
    pub code: Option<String>,
    /// The target; only of a problem.
    pub target: Option<String>,
    /// The error of a letter, the last one unless that is gone; only of a problem.
    pub sample: Option<String>,
    /// That letter.
    pub sample_id: Option<i64>,
    /// What people wrote about the problem.
    pub note: Option<String>,
    /// The version of the rule that made the fingerprint.
    pub rule: Option<i32>,
    /// When the first one died; not by portal.
    pub first_ms: Option<i64>,
    /// When the last one died.
    pub last_ms: i64,
    /// Deaths in each of the last 24 hours, the present one last; only of a problem.
    pub trend: Option<Vec<i64>>,
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
    portals: i64,
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
    portals: i64,
    first_ms: i64,
    last_ms: i64,
}

#[derive(FromRow)]
struct Portal {
    #[sqlx(rename = "portal_id")]
    id: i64,
    dead: i64,
    problems: i64,
    last_ms: i64,
}

/// Those with letters that somebody still has to do with, unless all are asked for. In place of the
/// last letter, if that was erased or deleted, another one says what it is about.
const PROBLEMS: &str = "SELECT shown.*, \
    (SELECT error FROM dead_letter WHERE dead_letter.id = shown.sample_id) AS sample \
    FROM (SELECT fingerprint, rule, code, target, dead, requested, retried, \
    resolved, died_again, discarded, first_ms, last_ms, note, \
    (SELECT count(*) FROM problem_portal \
     WHERE problem_portal.fingerprint = problem.fingerprint AND problem_portal.dead > 0) AS portals, \
     COALESCE(\
      (SELECT id FROM dead_letter WHERE id = problem.sample_id AND body IS NOT NULL), \
      (SELECT id FROM dead_letter \
       WHERE dead_letter.fingerprint = problem.fingerprint AND body IS NOT NULL LIMIT 1)) AS sample_id \
     FROM problem WHERE ($1 OR dead + requested + retried > 0) AND ($2 = '' OR fingerprint = $2)) shown \
     ORDER BY dead DESC, last_ms DESC";
const HOURS: &str = "SELECT fingerprint, hour, deaths FROM problem_hour \
    WHERE hour > $1 AND ($2 = '' OR fingerprint = $2)";
const PORTALS: &str = "SELECT portal_id, CAST(sum(dead) AS BIGINT) AS dead, \
    count(*) AS problems, max(last_ms) AS last_ms FROM problem_portal \
    WHERE dead > 0 GROUP BY portal_id ORDER BY 2 DESC, 4 DESC";

impl DeadLetters {
    /// All groups, the largest first. With `all` also those that nobody has to do with any more.
    pub async fn groups(&self, by: Grouping, all: bool) -> anyhow::Result<Vec<Group>> {
        let database = self.records.ready().await?;
        let groups = match by {
            Grouping::Fingerprint => problems(database, all, "").await?,
            Grouping::Code => sums(database, "code", all).await?,
            Grouping::Target => sums(database, "target", all).await?,
            Grouping::Portal => portals(database).await?,
        };
        Ok(groups)
    }

    /// The problem with this fingerprint, if there is one.
    pub async fn problem(&self, fingerprint: &str) -> anyhow::Result<Option<Group>> {
        if fingerprint.is_empty() {
            return Ok(None);
        }
        let database = self.records.ready().await?;
        Ok(problems(database, true, fingerprint).await?.pop())
    }
}

/// All of them, or the one with this fingerprint.
async fn problems(
    database: &Database,
    all: bool,
    fingerprint: &str,
) -> Result<Vec<Group>, sqlx::Error> {
    let problems: Vec<Problem> = on_pool!(database, pool => {
        sqlx::query_as(PROBLEMS).bind(all).bind(fingerprint).fetch_all(pool).await?
    });
    let now = hour_of(now_ms());
    let hours: Vec<(String, i64, i64)> = on_pool!(database, pool => {
        sqlx::query_as(HOURS).bind(now - TREND_HOURS).bind(fingerprint).fetch_all(pool).await?
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
        portals: problem.portals,
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
) -> Result<Vec<Group>, sqlx::Error> {
    let totals = ["dead", "requested", "retried", "resolved", "died_again", "discarded"]
        .map(|state| format!("CAST(sum({state}) AS BIGINT) AS {state}"))
        .join(", ");
    let select = format!(
        "SELECT {column} AS key, {totals}, count(*) AS problems, \
         min(first_ms) AS first_ms, max(last_ms) AS last_ms, \
         (SELECT count(DISTINCT portal_id) FROM problem_portal \
          JOIN problem other ON other.fingerprint = problem_portal.fingerprint \
          WHERE other.{column} = problem.{column} AND problem_portal.dead > 0) AS portals \
         FROM problem WHERE $1 OR dead + requested + retried > 0 \
         GROUP BY {column} ORDER BY 2 DESC, {column}"
    );
    let sums: Vec<Sum> = on_pool!(database, pool => {
        sqlx::query_as(AssertSqlSafe(select)).bind(all).fetch_all(pool).await?
    });
    let group = |sum: Sum| Group {
        key: sum.key,
        dead: sum.counters.dead,
        counters: Some(sum.counters),
        problems: sum.problems,
        portals: sum.portals,
        first_ms: Some(sum.first_ms),
        last_ms: sum.last_ms,
        ..empty()
    };
    Ok(sums.into_iter().map(group).collect())
}

async fn portals(database: &Database) -> Result<Vec<Group>, sqlx::Error> {
    let portals: Vec<Portal> = on_pool!(database, pool => {
        sqlx::query_as(PORTALS).fetch_all(pool).await?
    });
    let group = |portal: Portal| Group {
        key: portal.id.to_string(),
        dead: portal.dead,
        problems: portal.problems,
        portals: 1,
        last_ms: portal.last_ms,
        ..empty()
    };
    Ok(portals.into_iter().map(group).collect())
}

fn empty() -> Group {
    Group {
        key: String::new(),
        dead: 0,
        counters: None,
        problems: 0,
        portals: 0,
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
