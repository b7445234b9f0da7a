//! Moves letters from state to state by compare-and-set: what is not in the state it should be in
//! is left alone, so that of two who do the same each moves every letter once at most. Every
//! function tells how many really moved.

use shared::clock::now_ms;
use shared::origin::Origin;
use sqlx::QueryBuilder;

use super::audit;
use super::filter::{Filter, push_in};
use super::handle::DeadLetters;
use super::part::Part;
use super::state::State;
use super::tally::Tally;
use crate::records::database::{Database, Transaction, met_another, on_transaction};
use crate::records::row::from_row;
use crate::records::runs::at_work::AtWork;

/// Letters moved in one transaction: few enough that nobody waits long for it.
const CHUNK: u32 = 2000;

/// What is there of a letter whose publishing was begun; of one of no target a worker has perhaps made
/// one for each.
const BEGUN: &str = " (SELECT 1 FROM job_run WHERE job_run.job_id = dead_letter.job_id \
    AND job_run.identity = dead_letter.identity \
    AND (job_run.target = dead_letter.target OR dead_letter.target = ''))";

/// One move of many letters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move<'a> {
    pub(super) filter: &'a Filter,
    pub(super) from: &'a [State],
    pub(super) to: Option<State>,
    /// Only what has been in its state since then or before.
    pub(super) cutoff_ms: i64,
    /// Only what has been in its state since then or later.
    pub(super) since_ms: i64,
    /// Only what still has its event.
    pub(super) with_body: bool,
    /// What a job does by it.
    pub(super) part: Option<(AtWork<'a>, Part)>,
    /// Who does it, and what they call it.
    pub(super) by: Option<(&'a str, &'a str)>,
}

impl<'a> Move<'a> {
    pub(super) fn new(filter: &'a Filter, from: &'a [State], to: Option<State>) -> Self {
        Self {
            filter,
            from,
            to,
            cutoff_ms: i64::MAX,
            since_ms: i64::MIN,
            with_body: false,
            part: None,
            by: None,
        }
    }
}

from_row! {
    #[derive(Debug)]
    struct Selected {
        id: i64,
        fingerprint: String,
        origin: Origin as String,
        state: State as String,
    }
}

impl DeadLetters {
    /// Moves all there are, some at a time.
    pub(super) async fn run(&self, step: Move<'_>) -> anyhow::Result<u64> {
        step.filter.check()?;
        let database = self.records.ready().await?;
        let (mut after, mut moved) = (i64::MIN, 0);
        loop {
            let ids = chunk(database, step, after, CHUNK).await?;
            let Some(last) = ids.last() else { return Ok(moved) };
            after = *last;
            moved += ids.len() as u64;
        }
    }
}

/// Moves up to `limit` letters behind `after` in one transaction; gives them in order.
pub(super) async fn chunk(
    database: &Database,
    step: Move<'_>,
    after: i64,
    limit: u32,
) -> Result<Vec<i64>, sqlx::Error> {
    let mut tries = 0;
    loop {
        match try_chunk(database, step, after, limit).await {
            Err(error) if met_another(&error, &mut tries) => {}
            result => return result,
        }
    }
}

async fn try_chunk(
    database: &Database,
    step: Move<'_>,
    after: i64,
    limit: u32,
) -> Result<Vec<i64>, sqlx::Error> {
    let mut transaction = database.transaction().await?;
    let selected = select(&mut transaction, step, after, limit).await?;
    if selected.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = selected.iter().map(|row| row.id).collect();
    write(&mut transaction, step, &ids).await?;
    let mut tally = Tally::default();
    for row in &selected {
        tally.moved(&row.fingerprint, &row.origin, Some(row.state), step.to);
    }
    if let (Some((at, part)), Some(last)) = (step.part, ids.last()) {
        let letters = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        tally.of_job(at, part.progress(letters, *last));
    }
    if !tally.write(&mut transaction).await? {
        // Dropped, it leaves no trace.
        return Ok(Vec::new());
    }
    if let Some((who, action)) = step.by {
        let (filter, count) = (step.filter.to_string(), ids.len() as u64);
        audit::note(&mut transaction, who, action, &filter, count).await?;
    }
    transaction.commit().await?;
    Ok(ids)
}

/// What is to be moved, kept from others until the end of the transaction. Where it waited for
/// another, PostgreSQL looks at each row again: one that has moved is not among them.
async fn select(
    transaction: &mut Transaction,
    step: Move<'_>,
    after: i64,
    limit: u32,
) -> Result<Vec<Selected>, sqlx::Error> {
    let locking = transaction.locking();
    on_transaction!(transaction, connection => {
        let mut select = QueryBuilder::new(
            "SELECT id, fingerprint, origin, state FROM dead_letter WHERE state IN (",
        );
        let mut states = select.separated(", ");
        for state in step.from {
            states.push_bind(state.as_str());
        }
        select.push(") AND id > ").push_bind(after);
        select.push(" AND state_ms <= ").push_bind(step.cutoff_ms);
        select.push(" AND state_ms >= ").push_bind(step.since_ms);
        if let Some((at, _)) = step.part.filter(|(_, part)| part.is_of_claimed()) {
            select.push(" AND job_id = ").push_bind(at.job_id);
        }
        if let Some(is_begun) = step.part.and_then(|(_, part)| part.is_of_begun()) {
            select.push(if is_begun { " AND EXISTS" } else { " AND NOT EXISTS" }).push(BEGUN);
        }
        if step.with_body {
            select.push(" AND body IS NOT NULL");
        }
        step.filter.restrict(&mut select);
        select.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit)).push(locking);
        select.build_query_as().persistent(false).fetch_all(connection).await
    })
}

pub(super) async fn write(
    transaction: &mut Transaction,
    step: Move<'_>,
    ids: &[i64],
) -> Result<(), sqlx::Error> {
    on_transaction!(transaction, connection => {
        let mut query = match step.to {
            None => QueryBuilder::new("DELETE FROM dead_letter WHERE true"),
            Some(to) => {
                let mut update = QueryBuilder::new("UPDATE dead_letter SET state = ");
                update.push_bind(to.as_str()).push(", state_ms = ").push_bind(now_ms());
                if let Some((at, _)) = step.part {
                    update.push(", job_id = ").push_bind(at.job_id);
                }
                update.push(" WHERE true");
                update
            }
        };
        push_in(&mut query, "id", ids);
        query.build().persistent(false).execute(connection).await?;
    });
    Ok(())
}

/// Gives a letter whose row is locked another state; the counters are the caller's.
pub(super) async fn turn(
    transaction: &mut Transaction,
    id: i64,
    to: State,
) -> Result<(), sqlx::Error> {
    on_transaction!(transaction, connection => {
        sqlx::query("UPDATE dead_letter SET state = $1, state_ms = $2 WHERE id = $3")
            .bind(to.as_str())
            .bind(now_ms())
            .bind(id)
            .execute(connection)
            .await?;
    });
    Ok(())
}
