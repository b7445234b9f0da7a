//! The entries of a data file that no ledger has open, read page by page. Changes nothing.

use std::collections::HashMap;
use std::time::Duration;

use shared::clock::now_ms;
use shared::store::Store;

use crate::ledger::entry::{Entry, State};

/// By the file's own clock, which does not run backwards. The `+` keeps the order of the keys: by
/// the index on expiry each page would sort all that is left.
const ENTRIES: &str = "\
    SELECT id, key, state, token, lowest, fence, abandoned, expires_ms - now_ms \
    FROM (SELECT max(high_ms, ?1) AS now_ms FROM clock) CROSS JOIN claim \
    WHERE id > ?2 AND +expires_ms > now_ms ORDER BY id LIMIT ?3";
const STEPS: &str = "SELECT id >> 20, name, json FROM step \
    WHERE id >= (?1 + 1) << 20 AND id < (?2 + 1) << 20 ORDER BY id";
const COUNT: &str =
    "SELECT count(*) FROM claim WHERE expires_ms > (SELECT max(high_ms, ?) FROM clock)";

type Row = (i64, String, String, String, i64, i64, i64, i64);

/// Entries that have not expired, at most `limit`, in the order in which they were made, from behind the
/// one with the number `after`, which becomes that of the last; none at the end.
pub(crate) async fn entries(
    store: &Store,
    after: &mut i64,
    limit: u32,
) -> Result<Vec<Entry>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(ENTRIES)
        .bind(now_ms())
        .bind(*after)
        .bind(limit)
        .fetch_all(store.reader())
        .await?;
    let Some(&(last, ..)) = rows.last() else { return Ok(Vec::new()) };
    let mut steps = HashMap::<i64, Vec<(String, String)>>::new();
    let rows_of_steps: Vec<(i64, String, String)> =
        sqlx::query_as(STEPS).bind(*after).bind(last).fetch_all(store.reader()).await?;
    for (claim, name, json) in rows_of_steps {
        steps.entry(claim).or_default().push((name, json));
    }
    *after = last;
    let entry = |(id, name, state, token, lowest, fence, abandoned, left_ms): Row| Entry {
        state: match state.as_str() {
            "C" => State::Completed,
            "S" => State::Started,
            _ => State::Released,
        },
        token,
        lowest: unsigned(lowest),
        fence: unsigned(fence),
        abandoned: unsigned(abandoned),
        left: Duration::from_millis(unsigned(left_ms)),
        steps: steps.remove(&id).unwrap_or_default(),
        name,
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// How many there are.
pub(crate) async fn count(store: &Store) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar(COUNT).bind(now_ms()).fetch_one(store.reader()).await?;
    Ok(unsigned(count))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
