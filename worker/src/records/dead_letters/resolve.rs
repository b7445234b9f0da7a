//! Letters whose runs have succeeded: they have no more to wait for.

use std::collections::HashMap;

use shared::origin::Origin;
use sqlx::QueryBuilder;

use super::filter::Filter;
use super::handle::DeadLetters;
use super::moves::{Move, write};
use super::state::State;
use super::tally::Tally;
use crate::records::database::{Transaction, on_transaction};
use crate::records::row::from_row;

/// Runs looked at in one transaction: few enough that nobody waits long for it.
const CHUNK: usize = 2000;

/// A run that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The event's identity.
    pub identity: String,
    /// The target.
    pub target: String,
    /// The generation of the run.
    pub generation: i64,
}

from_row! {
    /// A letter that waits for something.
    #[derive(Debug)]
    struct Open {
        id: i64,
        identity: String,
        target: String,
        generation: i64,
        fingerprint: String,
        origin: Origin as String,
        state: State as String,
    }
}

impl DeadLetters {
    /// These have succeeded, retried or replayed: whatever letter there is of them has no more to
    /// wait for. A run of a later generation counts for earlier letters too: the event was started
    /// over.
    pub async fn mark_resolved(&self, done: &[Done]) -> anyhow::Result<u64> {
        let database = self.records.ready().await?;
        let mut moved = 0;
        for done in done.chunks(CHUNK) {
            let mut transaction = database.transaction().await?;
            moved += resolve(&mut transaction, done).await?;
            transaction.commit().await?;
        }
        Ok(moved)
    }
}

/// Makes the letters of `done` resolved ones; tells how many.
pub(in crate::records) async fn resolve(
    transaction: &mut Transaction,
    done: &[Done],
) -> Result<u64, sqlx::Error> {
    if done.is_empty() {
        return Ok(0);
    }
    let locking = transaction.locking();
    let open: Vec<Open> = on_transaction!(transaction, connection => {
        let mut select = QueryBuilder::new(
            "SELECT id, identity, target, generation, fingerprint, origin, state \
             FROM dead_letter WHERE state IN ('dead', 'requested', 'retried') AND identity IN (",
        );
        let mut identities = select.separated(", ");
        for done in done {
            identities.push_bind(&done.identity);
        }
        select.push(") ORDER BY id").push(locking);
        select.build_query_as().persistent(false).fetch_all(connection).await?
    });
    let mut runs: HashMap<&str, Vec<&Done>> = HashMap::new();
    for done in done {
        runs.entry(&done.identity).or_default().push(done);
    }
    let ended = |letter: &&Open| {
        // A letter of no target was an event for all of them.
        let of_it = |done: &&Done| letter.target.is_empty() || letter.target == done.target;
        let mut runs = runs.get(&*letter.identity).into_iter().flatten().copied();
        runs.any(|done| of_it(&done) && letter.generation <= done.generation)
    };
    let ended: Vec<&Open> = open.iter().filter(ended).collect();
    if ended.is_empty() {
        return Ok(0);
    }
    let filter = Filter::default();
    let step = Move::new(&filter, &[], Some(State::Resolved));
    let ids: Vec<i64> = ended.iter().map(|letter| letter.id).collect();
    write(transaction, step, &ids).await?;
    let mut tally = Tally::default();
    for letter in &ended {
        tally.moved(&letter.fingerprint, &letter.origin, Some(letter.state), step.to);
    }
    tally.write(transaction).await?;
    Ok(ids.len() as u64)
}
