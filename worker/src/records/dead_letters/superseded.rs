//! Letters whose retry was told that a later attempt is there: the event's fate is that attempt's,
//! and so is the letter's.

use std::collections::HashSet;

use sqlx::{FromRow, QueryBuilder};

use super::state::State;
use super::tally::Tally;
use crate::records::database::{Transaction, on_transaction};

/// A run that was told `stale`.
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
    let mut died = HashSet::new();
    if stale.is_empty() {
        return Ok(died);
    }
    let locking = transaction.locking();
    let letters: Vec<Related> = on_transaction!(transaction, connection => {
        let mut select = QueryBuilder::new(
            "SELECT id, identity, target, generation, attempt, fingerprint, portal_id, state \
             FROM dead_letter WHERE identity IN (",
        );
        let mut identities = select.separated(", ");
        for run in stale {
            identities.push_bind(&run.identity);
        }
        select.push(") ORDER BY id").push(locking);
        select.build_query_as().persistent(false).fetch_all(connection).await?
    });
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
