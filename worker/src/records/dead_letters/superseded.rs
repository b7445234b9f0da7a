//! Letters whose retry was told that a later attempt is there: the event's fate is that attempt's,
//! and so is the letter's. And those whose retry was skipped: nothing was done, and they wait for
//! somebody as before.

use std::collections::{HashMap, HashSet};

use shared::origin::Origin;
use sqlx::QueryBuilder;

use super::moves::turn;
use super::state::State;
use super::tally::Tally;
use crate::records::database::{Transaction, on_transaction};
use crate::records::row::from_row;
use crate::records::runs::end::End;

/// A run of a job that was told `stale`, or was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::records) struct Stale {
    pub(in crate::records) job_id: i64,
    pub(in crate::records) identity: String,
    pub(in crate::records) target: String,
    pub(in crate::records) generation: i64,
    pub(in crate::records) attempt: i64,
}

from_row! {
    struct Related {
        id: i64,
        identity: String,
        target: String,
        generation: i64,
        attempt: i64,
        fingerprint: String,
        origin: Origin as String,
        job_id: Option<i64>,
        state: State as String,
    }
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

    /// Whether it is the retry of this run's job that is out, and not another's by now.
    fn is_of(&self, run: &Stale) -> bool {
        self.job_id == Some(run.job_id)
    }
}

from_row! {
    /// A run of which the log knows.
    struct Known {
        identity: String,
        target: String,
        generation: i64,
        attempt: i64,
        settled_ms: i64,
        verdict: String,
    }
}

impl Known {
    fn place(&self) -> (i64, i64, i64) {
        (self.generation, self.attempt, self.settled_ms)
    }
}

/// What is known beside letters of those that have no later one.
struct Elsewhere {
    runs: Vec<Known>,
    /// Of each run of a job how often its message was published.
    copies: HashMap<(i64, String, String), i64>,
}

/// Ends the retries of letters that a later letter has the place of: resolved if that is, else died
/// again. Where there is none the later attempt may still be on its way, and ends them itself; but if the
/// log tells that it is not, or nothing is known of one, its letter was deleted when its time was over.
/// Gives what those runs came to by it.
pub(in crate::records) async fn end_superseded(
    transaction: &mut Transaction,
    stale: &[Stale],
) -> Result<HashMap<Stale, End>, sqlx::Error> {
    let letters = related(transaction, stale).await?;
    let out = || {
        letters.iter().filter_map(|letter| {
            let mut runs = stale.iter().filter(|run| letter.is_out(run));
            // Its own job's, where there are several.
            let run = runs.clone().find(|run| letter.is_of(run)).or_else(|| runs.next())?;
            Some((letter, run, later(&letters, letter, run)))
        })
    };
    let alone: Vec<&Stale> = out()
        .filter(|(letter, run, later)| later.is_none() && letter.is_of(run))
        .map(|(_, run, _)| run)
        .collect();
    let elsewhere = elsewhere(transaction, &alone).await?;
    let (mut ends, mut tally) = (HashMap::new(), Tally::default());
    for (letter, run, later) in out() {
        let to = match later {
            Some(later) if later.state == State::Resolved => State::Resolved,
            Some(_) => State::DiedAgain,
            None if letter.is_of(run) => {
                let told = stale.iter().filter(|other| *other == run).count();
                let Some(to) = elsewhere.tells(letter, run, told) else { continue };
                to
            }
            // Another job has it out by now.
            None => continue,
        };
        let end = if to == State::Resolved { End::Skipped } else { End::Died };
        ends.insert(run.clone(), end);
        turn(transaction, letter.id, to).await?;
        tally.moved(&letter.fingerprint, &letter.origin, Some(letter.state), Some(to));
    }
    tally.write(transaction).await?;
    Ok(ends)
}

/// The last letter of a run's event and handler, if it is a later one than `letter`.
fn later<'a>(letters: &'a [Related], letter: &Related, run: &Stale) -> Option<&'a Related> {
    let same = |other: &&Related| (&other.identity, &other.target) == (&run.identity, &run.target);
    let last = letters.iter().filter(same).max_by_key(|other| other.attempt());
    last.filter(|last| last.attempt() > letter.attempt())
}

impl Elsewhere {
    /// What is to become of a letter whose run was `told` so often that there is a later attempt, and that
    /// has no later letter; `None` if that attempt is on its way.
    fn tells(&self, letter: &Related, run: &Stale, told: usize) -> Option<State> {
        let is_later = |known: &&Known| {
            (&known.identity, &known.target) == (&run.identity, &run.target)
                && (known.generation, known.attempt) >= letter.attempt()
        };
        let last = self.runs.iter().filter(is_later).max_by_key(|known| known.place());
        match last.map(|last| &*last.verdict) {
            Some("succeeded") => Some(State::Resolved),
            Some("retried") => None,
            Some(_) => Some(State::Dead),
            None => {
                let run = (run.job_id, run.identity.clone(), run.target.clone());
                let copies = self.copies.get(&run).copied().unwrap_or(1);
                // Else the later attempt is perhaps another copy's, whose line is late.
                (copies <= i64::try_from(told).unwrap_or(i64::MAX)).then_some(State::Dead)
            }
        }
    }
}

async fn elsewhere(
    transaction: &mut Transaction,
    runs: &[&Stale],
) -> Result<Elsewhere, sqlx::Error> {
    let mut found = Elsewhere { runs: Vec::new(), copies: HashMap::new() };
    if runs.is_empty() {
        return Ok(found);
    }
    let copies: Vec<(i64, String, String, i64)> = on_transaction!(transaction, connection => {
        let mut select = QueryBuilder::new(
            "SELECT identity, target, CAST(generation AS BIGINT) AS generation, \
             CAST(attempt AS BIGINT) AS attempt, settled_ms, verdict FROM event_log \
             WHERE target IS NOT NULL AND verdict IN \
             ('succeeded', 'retried', 'exhausted', 'permanent', 'crashed', 'skipped') \
             AND identity IN (",
        );
        let mut identities = select.separated(", ");
        for run in runs {
            identities.push_bind(&run.identity);
        }
        select.push(")");
        found.runs = select.build_query_as().persistent(false).fetch_all(&mut *connection).await?;
        let mut select = QueryBuilder::new(
            "SELECT job_id, identity, target, copies FROM job_run WHERE job_id IN (",
        );
        // Too many are found where there are several jobs, which does no harm.
        let mut jobs = select.separated(", ");
        for run in runs {
            jobs.push_bind(run.job_id);
        }
        select.push(") AND identity IN (");
        let mut identities = select.separated(", ");
        for run in runs {
            identities.push_bind(&run.identity);
        }
        select.push(")");
        select.build_query_as().persistent(false).fetch_all(connection).await?
    });
    let copies = copies.into_iter();
    found.copies =
        copies.map(|(job, event, target, copies)| ((job, event, target), copies)).collect();
    Ok(found)
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
        // Another job's retry of the letter is still out.
        let is_its = |run: &&Stale| letter.is_out(run) && letter.is_of(run);
        let Some(run) = skipped.iter().find(is_its) else { continue };
        undone.insert(run.clone());
        turn(transaction, letter.id, State::Dead).await?;
        let to = Some(State::Dead);
        tally.moved(&letter.fingerprint, &letter.origin, Some(letter.state), to);
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
            "SELECT id, identity, target, generation, attempt, fingerprint, origin, job_id, \
             state \
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
