//! Problems, each with its counters and what it is about.

use std::collections::HashMap;

use shared::clock::now_ms;
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, FromRow, QueryBuilder, Row, Type};

use super::slice::{OPEN, Slice};
use crate::records::database::{Database, on_reading};
use crate::records::dead_letters::group::Group;
use crate::records::dead_letters::hour::{TREND_HOURS, hour_of};
use crate::records::dead_letters::state::Counters;

struct Problem {
    fingerprint: String,
    rule: i32,
    code: String,
    target: String,
    sample: Option<String>,
    sample_id: Option<i64>,
    counters: Counters,
    origins: i64,
    first_ms: i64,
    last_ms: i64,
    note: Option<String>,
}

impl<'r, R> FromRow<'r, R> for Problem
where
    R: Row,
    &'static str: ColumnIndex<R>,
    Counters: FromRow<'r, R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i32: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self {
            fingerprint: row.try_get("fingerprint")?,
            rule: row.try_get("rule")?,
            code: row.try_get("code")?,
            target: row.try_get("target")?,
            sample: row.try_get("sample")?,
            sample_id: row.try_get("sample_id")?,
            counters: Counters::from_row(row)?,
            origins: row.try_get("origins")?,
            first_ms: row.try_get("first_ms")?,
            last_ms: row.try_get("last_ms")?,
            note: row.try_get("note")?,
        })
    }
}

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
/// The longest list of problems that is named one by one.
const NAMED: usize = 500;

/// Some of them, or the one with this fingerprint.
pub(super) async fn problems(
    database: &Database,
    all: bool,
    fingerprint: &str,
    Slice { first, limit }: Slice,
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
