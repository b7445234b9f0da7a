//! Whom to erase.

use shared::clock::now_ms;
use sqlx::QueryBuilder;

use crate::records::database::{Database, on_pool};
use crate::records::row::from_row;

/// Rows of one statement.
const PAGE: i64 = 500;

from_row! {
    struct Tombstone {
        origin: String,
        object_id: i64,
    }
}

/// Carries the tombstones; tells how many there are.
pub(super) async fn erased(from: &Database, to: &Database) -> anyhow::Result<u64> {
    // What is written there about them is younger than their erasing here.
    // Before every contact.
    let mut after = (String::new(), i64::MIN);
    let (mut carried, now_ms) = (0, now_ms());
    loop {
        let page: Vec<Tombstone> = on_pool!(from, pool => {
            sqlx::query_as(
                "SELECT origin, object_id FROM erasure \
                 WHERE (origin, object_id) > ($1, $2) ORDER BY origin, object_id LIMIT $3",
            )
            .bind(&after.0)
            .bind(after.1)
            .bind(PAGE)
            .fetch_all(pool)
            .await?
        });
        let Some(last) = page.last() else { return Ok(carried) };
        after = (last.origin.clone(), last.object_id);
        carried += page.len() as u64;
        on_pool!(to, pool => {
            let mut upsert =
                QueryBuilder::new("INSERT INTO erasure (origin, object_id, at_ms, swept) ");
            upsert.push_values(&page, |mut row, tombstone| {
                row.push_bind(&tombstone.origin)
                    .push_bind(tombstone.object_id)
                    .push_bind(now_ms)
                    .push("FALSE");
            });
            // What is there about them already is swept.
            upsert.push(
                " ON CONFLICT (origin, object_id) DO UPDATE SET swept = FALSE, \
                 at_ms = CASE WHEN excluded.at_ms > erasure.at_ms \
                 THEN excluded.at_ms ELSE erasure.at_ms END",
            );
            upsert.build().persistent(false).execute(pool).await?;
        });
    }
}
