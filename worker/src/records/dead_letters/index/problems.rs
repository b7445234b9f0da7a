//! What is kept of each problem while its letters are indexed: when it was met, by which letter last,
//! and how many died in each hour.

use std::collections::BTreeMap;

use shared::clock::now_ms;
use sqlx::QueryBuilder;

use crate::records::database::{Transaction, on_transaction};
use crate::records::dead_letters::arrival::Arrival;
use crate::records::dead_letters::fingerprint::RULE;
use crate::records::dead_letters::hour::{TREND_HOURS, hour_of};

/// Makes a row for each problem that has none, and notes when it was met, and by which letter last.
pub(super) async fn write_problems(
    transaction: &mut Transaction,
    letters: &[(i64, &Arrival)],
) -> Result<u64, sqlx::Error> {
    if letters.is_empty() {
        return Ok(0);
    }
    let mut problems: BTreeMap<&str, (&Arrival, i64, i64, i64)> = BTreeMap::new();
    for (id, arrival) in letters {
        let died_ms = arrival.died_ms;
        let problem =
            problems.entry(&arrival.fingerprint).or_insert((arrival, *id, died_ms, died_ms));
        problem.1 = problem.1.max(*id);
        problem.2 = problem.2.min(died_ms);
        problem.3 = problem.3.max(died_ms);
    }
    let counts: Vec<i64> = on_transaction!(transaction, connection => {
        let mut upsert = QueryBuilder::new(
            "INSERT INTO problem (fingerprint, rule, code, target, sample_id, dead, requested, \
             retried, resolved, died_again, discarded, first_ms, last_ms) ",
        );
        let rows = problems.into_iter();
        upsert.push_values(rows, |mut row, (fingerprint, (any, id, first_ms, last_ms))| {
            row.push_bind(fingerprint)
                .push_bind(RULE)
                .push_bind(&any.code)
                .push_bind(&any.target)
                .push_bind(id)
                .push("0, 0, 0, 0, 0, 0")
                .push_bind(first_ms)
                .push_bind(last_ms);
        });
        upsert.push(
            " ON CONFLICT (fingerprint) DO UPDATE SET sample_id = excluded.sample_id, \
             first_ms = CASE WHEN excluded.first_ms < problem.first_ms \
             THEN excluded.first_ms ELSE problem.first_ms END, \
             last_ms = CASE WHEN excluded.last_ms > problem.last_ms \
             THEN excluded.last_ms ELSE problem.last_ms END \
             RETURNING dead + requested + retried + resolved + died_again + discarded",
        );
        upsert.build_query_scalar().persistent(false).fetch_all(connection).await?
    });
    // Counters are written after this: those of a new problem stand at nothing yet.
    Ok(counts.iter().filter(|letters| **letters == 0).count() as u64)
}

/// Counts deaths by the hour, as far as the trend goes back.
pub(super) async fn write_hours(
    transaction: &mut Transaction,
    letters: &[(i64, &Arrival)],
) -> Result<(), sqlx::Error> {
    let oldest = hour_of(now_ms()) - TREND_HOURS;
    let mut hours: BTreeMap<(&str, i64), i64> = BTreeMap::new();
    for (_, arrival) in letters {
        let hour = hour_of(arrival.died_ms);
        if hour > oldest {
            *hours.entry((&arrival.fingerprint, hour)).or_default() += 1;
        }
    }
    if hours.is_empty() {
        return Ok(());
    }
    on_transaction!(transaction, connection => {
        let mut upsert =
            QueryBuilder::new("INSERT INTO problem_hour (fingerprint, hour, deaths) ");
        upsert.push_values(hours, |mut row, ((fingerprint, hour), deaths)| {
            row.push_bind(fingerprint).push_bind(hour).push_bind(deaths);
        });
        upsert.push(
            " ON CONFLICT (fingerprint, hour) DO UPDATE SET \
             deaths = problem_hour.deaths + excluded.deaths",
        );
        upsert.build().persistent(false).execute(connection).await?;
    });
    Ok(())
}
