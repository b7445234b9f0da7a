//! Who did what, kept for good: rows are added, in the transaction that does it, and never changed.

use serde::Serialize;
use shared::clock::now_ms;
use sqlx::FromRow;

use super::DeadLetters;
use crate::records::database::{Transaction, on_pool, on_transaction};

/// The longest filter that is kept, in bytes: a list of ids has no end.
const MAX_FILTER_BYTES: usize = 4000;

/// One line of the audit.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct Act {
    /// When.
    pub at_ms: i64,
    /// Who.
    pub who: String,
    /// What.
    pub action: String,
    /// To which letters.
    pub filter: String,
    /// To how many of them.
    pub count: i64,
}

/// Adds a line.
pub(in crate::records) async fn note(
    transaction: &mut Transaction,
    who: &str,
    action: &str,
    filter: &str,
    count: u64,
) -> Result<(), sqlx::Error> {
    let filter = filter.replace('\0', "\u{fffd}");
    let filter = &filter[..filter.floor_char_boundary(MAX_FILTER_BYTES)];
    on_transaction!(transaction, connection => {
        sqlx::query(
            "INSERT INTO audit (at_ms, who, action, filter, count) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(now_ms())
        .bind(who.replace('\0', "\u{fffd}"))
        .bind(action)
        .bind(filter)
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    });
    Ok(())
}

impl DeadLetters {
    /// What was done, the latest first. An action on many letters has a line for each part of it.
    pub async fn audit(&self, limit: u32) -> anyhow::Result<Vec<Act>> {
        let database = self.records.ready().await?;
        let acts = on_pool!(database, pool => {
            sqlx::query_as(
                "SELECT at_ms, who, action, filter, count FROM audit ORDER BY id DESC LIMIT $1",
            )
            .bind(i64::from(limit))
            .fetch_all(pool)
            .await?
        });
        Ok(acts)
    }
}
