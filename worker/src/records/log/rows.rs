//! The event log's rows: entries as the database has them, each once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use shared::clock::now_ms;
use sqlx::QueryBuilder;

use crate::records::clock::{any_line, day_of};
use crate::records::database::{Database, Transaction, on_transaction};
use crate::records::dead_letters::{self, Done, Stale};
use crate::records::entry::Entry;
use crate::records::erasure::{Contact, catch_up_merged, erased};
use crate::records::jobs::{self, End, Ended};
use crate::verdict::Verdict;

const INSERT: &str = "INSERT INTO event_log (day, id, identity, origin, type, object_id, \
    contact_id, property, received_ms, started_ms, settled_ms, attempt, generation, target, verdict, \
    code, error, trace_id, job_id, logged_ms, body) ";
/// A batch whose commit was not heard of is written again.
const ONCE: &str = " ON CONFLICT (day, id) DO NOTHING RETURNING id";

/// Numbers for all entries, each another one.
pub(super) fn ids(batch: &[Entry]) -> Vec<i64> {
    let mut taken = HashSet::with_capacity(batch.len());
    let free = |entry: &Entry| {
        let mut id = any_line(entry.settled_ms);
        while !taken.insert(id) {
            id = any_line(entry.settled_ms);
        }
        id
    };
    batch.iter().map(free).collect()
}

/// Writes all of a batch or nothing. Where another process has taken a number, the entry gets
/// another; but a batch of which every number is taken is one whose commit was not heard of.
pub(super) async fn insert(
    database: &Database,
    batch: &[Entry],
    ids: &mut [i64],
    is_new: bool,
) -> Result<(), sqlx::Error> {
    catch_up_merged(database, &merges(batch)).await?;
    let gone = erased(database, &contacts(batch)).await?;
    let mut transaction = database.transaction().await?;
    let mut left: Vec<usize> = (0..batch.len()).collect();
    let mut is_there = false;
    while !left.is_empty() {
        let written = insert_rows(&mut transaction, batch, ids, &left, &gone).await?;
        if written.is_empty() && !is_new && left.len() == batch.len() {
            is_there = true;
            break;
        }
        left.retain(|place| !written.contains(&ids[*place]));
        for place in &left {
            ids[*place] = any_line(batch[*place].settled_ms);
        }
    }
    if !is_there {
        tell_jobs(&mut transaction, batch).await?;
    }
    transaction.commit().await
}

/// Those that a batch is about.
pub(super) fn contacts(batch: &[Entry]) -> BTreeSet<Contact> {
    batch.iter().filter_map(Entry::contact).collect()
}

/// Who was merged into whom, of a batch.
pub(super) fn merges(batch: &[Entry]) -> BTreeMap<Contact, BTreeSet<i64>> {
    let mut merges: BTreeMap<Contact, BTreeSet<i64>> = BTreeMap::new();
    for entry in batch.iter().filter(|entry| !entry.merged.is_empty()) {
        if let Some(survivor) = entry.contact() {
            merges.entry(survivor).or_default().extend(&entry.merged);
        }
    }
    merges
}

/// Writes some entries; gives the numbers of those that were free.
async fn insert_rows(
    transaction: &mut Transaction,
    batch: &[Entry],
    ids: &[i64],
    places: &[usize],
    gone: &HashSet<Contact>,
) -> Result<HashSet<i64>, sqlx::Error> {
    let now_ms = now_ms();
    on_transaction!(transaction, connection => {
        let mut insert = QueryBuilder::new(INSERT);
        insert.push_values(places, |mut row, place| {
            let (entry, id) = (&batch[*place], ids[*place]);
            let is_erased = entry.contact().is_some_and(|contact| gone.contains(&contact));
            row.push_bind(day_of(entry.settled_ms))
                .push_bind(id)
                .push_bind(&entry.identity)
                .push_bind(entry.origin.to_string())
                .push_bind(&entry.subscription_type)
                .push_bind(entry.object_id)
                .push_bind(entry.contact_id)
                .push_bind(&entry.property)
                .push_bind(entry.received_ms)
                .push_bind(entry.started_ms)
                .push_bind(entry.settled_ms)
                .push_bind(entry.attempt)
                .push_bind(entry.generation)
                .push_bind(&entry.target)
                .push_bind(entry.verdict.as_str())
                .push_bind(&entry.code)
                .push_bind(entry.error.as_ref().filter(|_| !is_erased))
                .push_bind(&entry.trace_id)
                .push_bind(entry.job_id)
                .push_bind(now_ms)
                .push_bind(entry.body.as_ref().filter(|_| !is_erased));
        });
        insert.push(ONCE);
        // Sizes vary: not worth remembering.
        let written: Vec<i64> =
            insert.build_query_scalar().persistent(false).fetch_all(connection).await?;
        Ok(written.into_iter().collect())
    })
}

/// What jobs have published and how it ended: their counters, and letters that have no more to wait
/// for. Letters may wait for a run that no job has published: then for a later attempt than the first.
async fn tell_jobs(transaction: &mut Transaction, batch: &[Entry]) -> Result<(), sqlx::Error> {
    let done: Vec<Done> = batch
        .iter()
        .filter(|entry| {
            use Verdict::{Duplicate, Gone, OwnWrite, Succeeded, Unwanted};
            // What was started over came from a job, which a migration leaves behind.
            let is_of_job = entry.job_id.is_some() || entry.generation > 0;
            match entry.verdict {
                Succeeded | Gone => is_of_job || entry.attempt > 0,
                Duplicate | Unwanted | OwnWrite => is_of_job,
                _ => false,
            }
        })
        .map(|entry| Done {
            identity: entry.identity.clone(),
            target: entry.target.clone().unwrap_or_default(),
            generation: i64::from(entry.generation),
        })
        .collect();
    let is_stale =
        |entry: &&Entry| entry.job_id.is_some() && matches!(entry.verdict, Verdict::Stale);
    let is_skipped =
        |entry: &&Entry| entry.job_id.is_some() && matches!(entry.verdict, Verdict::Skipped);
    let stale: Vec<Stale> = batch.iter().filter(is_stale).map(run).collect();
    let skipped: Vec<Stale> = batch.iter().filter(is_skipped).map(run).collect();
    dead_letters::resolve(transaction, &done).await?;
    let over = dead_letters::end_superseded(transaction, &stale).await?;
    let undone = dead_letters::return_skipped(transaction, &skipped).await?;
    let ends = batch.iter().filter_map(|entry| {
        let job_id = entry.job_id?;
        let end = match entry.verdict {
            Verdict::Stale => over.get(&run(entry)).copied(),
            Verdict::Skipped => undone.contains(&run(entry)).then_some(End::Died),
            _ => None,
        };
        Some(Ended {
            job_id,
            identity: entry.identity.clone(),
            target: entry.target.clone().unwrap_or_default(),
            published_as: (i64::from(entry.generation), entry.published_as),
            end: end.or_else(|| End::of_verdict(entry.verdict)),
            targets: entry.targets.clone(),
        })
    });
    jobs::note_ends(transaction, ends.collect()).await
}

fn run(entry: &Entry) -> Stale {
    Stale {
        job_id: entry.job_id.unwrap_or_default(),
        identity: entry.identity.clone(),
        target: entry.target.clone().unwrap_or_default(),
        generation: i64::from(entry.generation),
        attempt: i64::from(entry.attempt),
    }
}
