//! Codes and handlers: sums over their problems.

use sqlx::{AssertSqlSafe, ColumnIndex, Decode, FromRow, Row, Type};

use super::slice::{OPEN, Slice};
use crate::records::database::{Database, on_reading};
use crate::records::dead_letters::group::Group;
use crate::records::dead_letters::state::Counters;

struct Sum {
    key: String,
    counters: Counters,
    problems: i64,
    origins: i64,
    first_ms: i64,
    last_ms: i64,
}

impl<'r, R> FromRow<'r, R> for Sum
where
    R: Row,
    &'static str: ColumnIndex<R>,
    Counters: FromRow<'r, R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self {
            key: row.try_get("key")?,
            counters: Counters::from_row(row)?,
            problems: row.try_get("problems")?,
            origins: row.try_get("origins")?,
            first_ms: row.try_get("first_ms")?,
            last_ms: row.try_get("last_ms")?,
        })
    }
}

/// Where problems are summed up, the origins of so many are looked at.
const LOOKED_AT: i64 = 30;
/// Sums over the problems with the same `column`.
pub(super) async fn sums(
    database: &Database,
    column: &'static str,
    all: bool,
    Slice { first, limit }: Slice,
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
        ..Group::empty()
    };
    Ok(sums.into_iter().map(group).collect())
}
