//! Counting ends of runs: each with its job, and each run once.

use std::collections::BTreeSet;

use sqlx::QueryBuilder;

use super::book::Book;
use super::end::Ended;
use crate::records::database::{Transaction, on_transaction};

/// Counts ends of runs, each with its job, and each run once. Last of all in a transaction: letters and
/// problems are locked before jobs.
pub(in crate::records) async fn note_ends(
    transaction: &mut Transaction,
    ends: Vec<Ended>,
) -> Result<(), sqlx::Error> {
    if ends.is_empty() {
        return Ok(());
    }
    let locked = lock(transaction, ends.iter().map(|ended| ended.job_id).collect()).await?;
    // A migration leaves jobs behind.
    let ends: Vec<Ended> =
        ends.into_iter().filter(|ended| locked.contains(&ended.job_id)).collect();
    let wanted = ends.iter().map(|ended| (ended.job_id, &*ended.identity)).collect();
    let mut book = Book::of(transaction, wanted).await?;
    for ended in &ends {
        book.tell(ended);
    }
    book.write(transaction).await
}

/// Keeps these jobs' rows from others, in order, so that two wait for one another and not in a ring.
async fn lock(
    transaction: &mut Transaction,
    ids: BTreeSet<i64>,
) -> Result<BTreeSet<i64>, sqlx::Error> {
    let locking = transaction.locking();
    let found: Vec<i64> = on_transaction!(transaction, connection => {
        let mut select = QueryBuilder::new("SELECT id FROM job WHERE id IN (");
        let mut places = select.separated(", ");
        for id in ids {
            places.push_bind(id);
        }
        select.push(") ORDER BY id").push(locking);
        select.build_query_scalar().persistent(false).fetch_all(connection).await?
    });
    Ok(found.into_iter().collect())
}
