//! Writes letters into the records, each once, however often it comes.

use std::collections::{BTreeSet, HashMap, HashSet};

use shared::clock::now_ms;
use shared::origin::Origin;
use sqlx::QueryBuilder;

use self::problems::{write_hours, write_problems};
use super::arrival::Arrival;
use super::moves;
use super::state::State;
use super::tally::Tally;
use crate::records::contact::Contact;
use crate::records::database::{Database, Transaction, met_another, on_transaction};
use crate::records::erasure::{catch_up, erased};
use crate::records::row::from_row;
use crate::records::runs::end::{End, Ended};
use crate::records::runs::ends::note_ends;

mod problems;
#[cfg(test)]
mod tests;

const INSERT: &str = "INSERT INTO dead_letter (identity, target, generation, attempt, queue, \
    origin, type, object_id, contact_id, reason, code, error, fingerprint, received_ms, died_ms, \
    indexed_ms, traceparent, steps, body, state, state_ms) ";
const ONCE: &str = " ON CONFLICT (identity, target, generation, attempt) DO NOTHING \
    RETURNING id, identity, target, generation, attempt";

/// What became of letters that were to be indexed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// Not there before.
    pub new: u64,
    /// There already: nothing was changed.
    pub known: u64,
    /// Earlier letters whose retry ended in one of the new ones.
    pub died_again: u64,
    /// Problems that had no letter before.
    pub problems: u64,
}

from_row! {
    struct Inserted {
        id: i64,
        identity: String,
        target: String,
        generation: i64,
        attempt: i64,
    }
}

impl Inserted {
    fn key(&self) -> (&str, &str, i64, i64) {
        (&self.identity, &self.target, self.generation, self.attempt)
    }
}

/// The columns of an [`Earlier`].
const EARLIER: &str = "id, identity, target, generation, attempt, fingerprint, origin, state";

from_row! {
    /// A letter that waits for something.
    struct Earlier {
        id: i64,
        identity: String,
        target: String,
        generation: i64,
        attempt: i64,
        fingerprint: String,
        origin: Origin as String,
        state: State as String,
    }
}

/// Writes `arrivals` in one transaction.
pub(super) async fn index(
    database: &Database,
    arrivals: &[Arrival],
) -> Result<Indexed, sqlx::Error> {
    let mut tries = 0;
    loop {
        match try_to_index(database, arrivals).await {
            Err(error) if met_another(&error, &mut tries) => {}
            result => return result,
        }
    }
}

async fn try_to_index(database: &Database, arrivals: &[Arrival]) -> Result<Indexed, sqlx::Error> {
    // In order, so that two indexers with the same letters wait for one another and not in a ring;
    // and so that ids grow with the time of death.
    let mut sorted: Vec<&Arrival> = arrivals.iter().collect();
    sorted.sort_by(|a, b| (a.died_ms, a.key()).cmp(&(b.died_ms, b.key())));
    let contacts: BTreeSet<Contact> = arrivals.iter().filter_map(Arrival::contact).collect();
    let gone = erased(database, &contacts).await?;
    let mut transaction = database.transaction().await?;
    let inserted = insert(&mut transaction, &sorted, &gone).await?;
    let by_key: HashMap<_, _> = sorted.iter().map(|arrival| (arrival.key(), *arrival)).collect();
    let new: Vec<(i64, &Arrival)> = inserted
        .iter()
        .filter_map(|row| by_key.get(&row.key()).map(|arrival| (row.id, *arrival)))
        .collect();
    let mut tally = Tally::default();
    let died_again = end_retries(&mut transaction, &inserted, &by_key, &mut tally).await?;
    let back = if inserted.len() < sorted.len() {
        come_back(&mut transaction, &sorted, &mut tally).await?
    } else {
        Vec::new()
    };
    for (_, arrival) in &new {
        tally.died(&arrival.fingerprint, &arrival.origin, arrival.died_ms);
    }
    let problems = write_problems(&mut transaction, &new).await?;
    tally.write(&mut transaction).await?;
    write_hours(&mut transaction, &new).await?;
    let (died_again, known) = (died_again + back.len() as u64, arrivals.len() - inserted.len());
    let ends = new.iter().filter_map(|(_, arrival)| Some(died(arrival, arrival.job_id?)));
    note_ends(&mut transaction, ends.chain(back).collect()).await?;
    transaction.commit().await?;
    catch_up(database, &contacts).await?;
    Ok(Indexed { new: inserted.len() as u64, known: known as u64, died_again, problems })
}

/// The end of a job's run that this letter is.
fn died(arrival: &Arrival, job_id: i64) -> Ended {
    Ended {
        job_id,
        identity: arrival.identity.clone(),
        target: arrival.target.clone(),
        published_as: (arrival.generation, arrival.published_as),
        end: Some(End::Died),
        targets: Vec::new(),
    }
}

/// Gives those that were not there.
async fn insert(
    transaction: &mut Transaction,
    arrivals: &[&Arrival],
    gone: &HashSet<Contact>,
) -> Result<Vec<Inserted>, sqlx::Error> {
    if arrivals.is_empty() {
        return Ok(Vec::new());
    }
    let now_ms = now_ms();
    on_transaction!(transaction, connection => {
        let mut insert = QueryBuilder::new(INSERT);
        insert.push_values(arrivals, |mut row, arrival| {
            let is_erased = arrival.contact().is_some_and(|contact| gone.contains(&contact));
            let error = if is_erased { "" } else { &*arrival.error };
            row.push_bind(&arrival.identity)
                .push_bind(&arrival.target)
                .push_bind(arrival.generation)
                .push_bind(arrival.attempt)
                .push_bind(arrival.queue)
                .push_bind(arrival.origin.to_string())
                .push_bind(&arrival.subscription_type)
                .push_bind(arrival.object_id)
                .push_bind(arrival.contact_id)
                .push_bind(arrival.reason)
                .push_bind(&arrival.code)
                .push_bind(error)
                .push_bind(&arrival.fingerprint)
                .push_bind(arrival.received_ms)
                .push_bind(arrival.died_ms)
                .push_bind(now_ms)
                .push_bind(&arrival.traceparent)
                .push_bind(&arrival.steps)
                .push_bind(Some(&arrival.body[..]).filter(|_| !is_erased))
                .push_bind(State::Dead.as_str())
                .push_bind(now_ms);
        });
        insert.push(ONCE);
        insert.build_query_as().persistent(false).fetch_all(connection).await
    })
}

/// Letters that are out for a retry and come back as they went: the broker gave them up, which
/// spends no attempt. They are dead again. Gives them.
async fn come_back(
    transaction: &mut Transaction,
    arrivals: &[&Arrival],
    tally: &mut Tally,
) -> Result<Vec<Ended>, sqlx::Error> {
    let mut back = Vec::new();
    for arrival in arrivals {
        let Some(job_id) = arrival.job_id else { continue };
        let (identity, target, generation, attempt) = arrival.key();
        let locking = transaction.locking();
        let letter: Option<Earlier> = on_transaction!(transaction, connection => {
            let mut select = QueryBuilder::new(format!(
                "SELECT {EARLIER} FROM dead_letter WHERE state IN ('requested', 'retried')"
            ));
            select.push(" AND job_id = ").push_bind(job_id);
            select.push(" AND identity = ").push_bind(identity);
            select.push(" AND target = ").push_bind(target);
            select.push(" AND generation = ").push_bind(generation);
            select.push(" AND attempt = ").push_bind(attempt).push(locking);
            select.build_query_as().persistent(false).fetch_optional(connection).await?
        });
        if let Some(letter) = letter {
            turn(transaction, &letter, State::Dead, tally).await?;
            back.push(died(arrival, job_id));
        }
    }
    Ok(back)
}

/// Moves a letter whose row is locked.
async fn turn(
    transaction: &mut Transaction,
    letter: &Earlier,
    to: State,
    tally: &mut Tally,
) -> Result<(), sqlx::Error> {
    moves::turn(transaction, letter.id, to).await?;
    tally.moved(&letter.fingerprint, &letter.origin, Some(letter.state), Some(to));
    Ok(())
}

/// Earlier letters of the same event and target that are out for a retry have died again: the new
/// one takes their place and names the last of them. So do those of an event that was replayed.
async fn end_retries(
    transaction: &mut Transaction,
    inserted: &[Inserted],
    arrivals: &HashMap<(&str, &str, i64, i64), &Arrival>,
    tally: &mut Tally,
) -> Result<u64, sqlx::Error> {
    if inserted.is_empty() {
        return Ok(0);
    }
    let locking = transaction.locking();
    let mut earlier: Vec<Earlier> = on_transaction!(transaction, connection => {
        let mut select = QueryBuilder::new(format!(
            "SELECT {EARLIER} FROM dead_letter \
             WHERE state IN ('dead', 'requested', 'retried') AND identity IN ("
        ));
        let mut identities = select.separated(", ");
        for row in inserted {
            identities.push_bind(&row.identity);
        }
        select.push(") ORDER BY id").push(locking);
        select.build_query_as().persistent(false).fetch_all(connection).await?
    });
    let mut died_again = 0;
    for row in inserted {
        let ended: Vec<Earlier> = earlier
            .extract_if(.., |earlier| {
                let is_of_job =
                    arrivals.get(&row.key()).is_some_and(|arrival| arrival.job_id.is_some());
                if earlier.state == State::Dead && !is_of_job {
                    return false;
                }
                // A letter of no target was an event for all of them; a copy that was on its way
                // before the retry says nothing of it.
                let is_same = (&earlier.identity, &earlier.target) == (&row.identity, &row.target)
                    && (earlier.generation, earlier.attempt) < (row.generation, row.attempt);
                let is_part = earlier.identity == row.identity
                    && earlier.target.is_empty()
                    && !row.target.is_empty()
                    && earlier.generation <= row.generation;
                is_same || is_part
            })
            .collect();
        let Some(last) = ended.last() else { continue };
        for letter in &ended {
            turn(transaction, letter, State::DiedAgain, tally).await?;
            died_again += 1;
        }
        on_transaction!(transaction, connection => {
            sqlx::query("UPDATE dead_letter SET previous_id = $1 WHERE id = $2")
                .bind(last.id)
                .bind(row.id)
                .execute(connection)
                .await?;
        });
    }
    Ok(died_again)
}
