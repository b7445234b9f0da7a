//! Who did what.

use sqlx::QueryBuilder;

use crate::records::database::{Database, on_pool};
use crate::records::row::from_row;

/// Rows of one statement.
const PAGE: i64 = 500;

from_row! {
    struct Act {
        id: i64,
        at_ms: i64,
        who: String,
        action: String,
        filter: String,
        count: i64,
    }
}

/// The acts keep their order, and get numbers of the other records'.
pub(super) async fn audit(from: &Database, to: &Database) -> Result<u64, sqlx::Error> {
    let (mut after, mut carried) = (i64::MIN, 0);
    loop {
        let page: Vec<Act> = on_pool!(from, pool => {
            sqlx::query_as(
                "SELECT id, at_ms, who, action, filter, count FROM audit WHERE id > $1 \
                 ORDER BY id LIMIT $2",
            )
            .bind(after)
            .bind(PAGE)
            .fetch_all(pool)
            .await?
        });
        let Some(last) = page.last() else { return Ok(carried) };
        after = last.id;
        carried += on_pool!(to, pool => {
            let mut insert = QueryBuilder::new(
                "INSERT INTO audit (at_ms, who, action, filter, count) \
                 SELECT column2, column3, column4, column5, column6 FROM (",
            );
            insert.push_values(&page, |mut row, act| {
                row.push_bind(act.id)
                    .push_bind(act.at_ms)
                    .push_bind(&act.who)
                    .push_bind(&act.action)
                    .push_bind(&act.filter)
                    .push_bind(act.count);
            });
            insert.push(
                ") AS act WHERE NOT EXISTS (SELECT 1 FROM audit WHERE audit.at_ms = act.column2 \
                 AND audit.who = act.column3 AND audit.action = act.column4 \
                 AND audit.filter = act.column5 AND audit.count = act.column6) ORDER BY column1",
            );
            insert.build().persistent(false).execute(pool).await?.rows_affected()
        });
    }
}
