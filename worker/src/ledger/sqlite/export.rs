//! The entries of a data file that no ledger has open, read page by page. Changes nothing.

use std::collections::HashMap;
use std::time::Duration;

use shared::clock::now_ms;
use shared::store::Store;

use crate::ledger::entry::{Entry, State};

/// By the file's own clock, which does not run backwards. The `+` keeps the order of the keys: by
/// the index on expiry each page would sort all that is left.
const ENTRIES: &str = "\
    SELECT key, state, token, lowest, fence, abandoned, expires_ms - now_ms \
    FROM (SELECT max(high_ms, ?1) AS now_ms FROM clock) CROSS JOIN claim \
    WHERE key > ?2 AND +expires_ms > now_ms ORDER BY key LIMIT ?3";
const STEPS: &str =
    "SELECT key, name, json FROM step WHERE key > ? AND key <= ? ORDER BY key, name";
const COUNT: &str =
    "SELECT count(*) FROM claim WHERE expires_ms > (SELECT max(high_ms, ?) FROM clock)";

type Row = (String, String, String, i64, i64, i64, i64);

/// Entries that have not expired, at most `limit`, in the order of their names, from behind the
/// one named `after`; none at the end.
pub(crate) async fn entries(
    store: &Store,
    after: &str,
    limit: u32,
) -> Result<Vec<Entry>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(ENTRIES)
        .bind(now_ms())
        .bind(after)
        .bind(limit)
        .fetch_all(store.reader())
        .await?;
    let Some((last, ..)) = rows.last() else { return Ok(Vec::new()) };
    let mut steps = HashMap::<String, Vec<(String, String)>>::new();
    let rows_of_steps: Vec<(String, String, String)> =
        sqlx::query_as(STEPS).bind(after).bind(last).fetch_all(store.reader()).await?;
    for (key, name, json) in rows_of_steps {
        steps.entry(key).or_default().push((name, json));
    }
    let entry = |(name, state, token, lowest, fence, abandoned, left_ms): Row| Entry {
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
        steps: steps.remove(&name).unwrap_or_default(),
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
