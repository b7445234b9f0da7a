//! Letters whose retry was told that a later attempt is there: the event's fate is that attempt's,
//! and so is the letter's. And those whose retry was skipped: nothing was done, and they wait for
//! somebody as before.

use std::collections::HashSet;

use sqlx::{FromRow, QueryBuilder};

use super::state::State;
use super::tally::Tally;
use crate::records::database::{Transaction, on_transaction};

/// A run that was told `stale`, or was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::records) struct Stale {
    pub(in crate::records) identity: String,
    pub(in crate::records) target: String,
    pub(in crate::records) generation: i64,
    pub(in crate::records) attempt: i64,
}

#[derive(FromRow)]
struct Related {
    id: i64,
    identity: String,
    target: String,
    generation: i64,
    attempt: i64,
    fingerprint: String,
    portal_id: i64,
    #[sqlx(try_from = "String")]
    state: State,
}

impl Related {
    fn attempt(&self) -> (i64, i64) {
        (self.generation, self.attempt)
    }

    /// Whether a retry of it is out, and `stale` may be what that came to.
    fn is_out(&self, stale: &Stale) -> bool {
        // A letter of no target was an event for all of them.
        matches!(self.state, State::Requested | State::Retried)
            && self.identity == stale.identity
            && (self.target.is_empty() || self.target == stale.target)
            && self.attempt() <= (stale.generation, stale.attempt)
    }
}

/// Ends the retries of letters that a later letter has the place of: resolved if that is, else died
/// again. Where there is none the later attempt is still on its way, and ends them itself. Gives those
/// runs that came to a death.
pub(in crate::records) async fn end_superseded(
    transaction: &mut Transaction,
    stale: &[Stale],
) -> Result<HashSet<Stale>, sqlx::Error> {
    let letters = related(transaction, stale).await?;
    let mut died = HashSet::new();
    let mut tally = Tally::default();
    for letter in &letters {
        let Some(run) = stale.iter().find(|run| letter.is_out(run)) else { continue };
        let same =
            |other: &&Related| (&other.identity, &other.target) == (&run.identity, &run.target);
        let last = letters.iter().filter(same).max_by_key(|other| other.attempt());
        let Some(last) = last.filter(|last| last.attempt() > letter.attempt()) else { continue };
        let to = if last.state == State::Resolved { State::Resolved } else { State::DiedAgain };
        if to == State::DiedAgain {
            died.insert(run.clone());
        }
        super::moves::turn(transaction, letter.id, to).await?;
        tally.moved(&letter.fingerprint, letter.portal_id, Some(letter.state), Some(to));
    }
    tally.write(transaction).await?;
    Ok(died)
}

/// Lets the letters wait again whose retry was skipped; nothing else than their state is another.
/// Gives those runs that letters had waited for.
pub(in crate::records) async fn return_skipped(
    transaction: &mut Transaction,
    skipped: &[Stale],
) -> Result<HashSet<Stale>, sqlx::Error> {
    let letters = related(transaction, skipped).await?;
    let (mut undone, mut tally) = (HashSet::new(), Tally::default());
    for letter in &letters {
        let Some(run) = skipped.iter().find(|run| letter.is_out(run)) else { continue };
        undone.insert(run.clone());
        super::moves::turn(transaction, letter.id, State::Dead).await?;
        let to = Some(State::Dead);
        tally.moved(&letter.fingerprint, letter.portal_id, Some(letter.state), to);
    }
    tally.write(transaction).await?;
    Ok(undone)
}

/// The letters of these events, kept from others.
async fn related(
    transaction: &mut Transaction,
    runs: &[Stale],
) -> Result<Vec<Related>, sqlx::Error> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let locking = transaction.locking();
    on_transaction!(transaction, connection => {
        let mut select = QueryBuilder::new(
            "SELECT id, identity, target, generation, attempt, fingerprint, portal_id, state \
             FROM dead_letter WHERE identity IN (",
        );
        let mut identities = select.separated(", ");
        for run in runs {
            identities.push_bind(&run.identity);
        }
        select.push(") ORDER BY id").push(locking);
        select.build_query_as().persistent(false).fetch_all(connection).await
    })
}
