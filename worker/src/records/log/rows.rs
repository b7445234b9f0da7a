//! The event log's rows: lines as the database has them, each once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use shared::clock::now_ms;
use sqlx::QueryBuilder;

use crate::records::clock::{any_line, day_of};
use crate::records::contact::Contact;
use crate::records::database::{Database, Transaction, on_transaction};
use crate::records::dead_letters::resolve::{Done, resolve};
use crate::records::dead_letters::superseded::{Stale, end_superseded, return_skipped};
use crate::records::erasure::{catch_up_merged, erased};
use crate::records::log::logged::Logged;
use crate::records::runs::end::{End, Ended};
use crate::records::runs::ends::note_ends;
use crate::verdict::Verdict;

const INSERT: &str = "INSERT INTO event_log (day, id, identity, origin, type, object_id, \
    contact_id, property, received_ms, started_ms, settled_ms, attempt, generation, target, verdict, \
    code, error, answer, trace_id, job_id, logged_ms, body) ";
/// A batch whose commit was not heard of is written again.
const ONCE: &str = " ON CONFLICT (day, id) DO NOTHING RETURNING id";

/// Numbers for all lines, each another one.
pub(super) fn ids(batch: &[Logged]) -> Vec<i64> {
    let mut taken = HashSet::with_capacity(batch.len());
    let free = |line: &Logged| {
        let mut id = any_line(line.settled_ms);
        while !taken.insert(id) {
            id = any_line(line.settled_ms);
        }
        id
    };
    batch.iter().map(free).collect()
}

/// Writes all of a batch or nothing. Where another process has taken a number, the line gets
/// another; but a batch of which every number is taken is one whose commit was not heard of.
pub(super) async fn insert(
    database: &Database,
    batch: &[Logged],
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
pub(super) fn contacts(batch: &[Logged]) -> BTreeSet<Contact> {
    batch.iter().filter_map(Logged::contact).collect()
}

/// Who was merged into whom, of a batch.
pub(super) fn merges(batch: &[Logged]) -> BTreeMap<Contact, BTreeSet<i64>> {
    let mut merges: BTreeMap<Contact, BTreeSet<i64>> = BTreeMap::new();
    for line in batch.iter().filter(|line| !line.merged.is_empty()) {
        if let Some(survivor) = line.contact() {
            merges.entry(survivor).or_default().extend(&line.merged);
        }
    }
    merges
}

/// Writes some lines; gives the numbers of those that were free.
async fn insert_rows(
    transaction: &mut Transaction,
    batch: &[Logged],
    ids: &[i64],
    places: &[usize],
    gone: &HashSet<Contact>,
) -> Result<HashSet<i64>, sqlx::Error> {
    let now_ms = now_ms();
    on_transaction!(transaction, connection => {
        let mut insert = QueryBuilder::new(INSERT);
        insert.push_values(places, |mut row, place| {
            let (line, id) = (&batch[*place], ids[*place]);
            let is_erased = line.contact().is_some_and(|contact| gone.contains(&contact));
            row.push_bind(day_of(line.settled_ms))
                .push_bind(id)
                .push_bind(&line.identity)
                .push_bind(line.origin.to_string())
                .push_bind(&line.subscription_type)
                .push_bind(line.object_id)
                .push_bind(line.contact_id)
                .push_bind(&line.property)
                .push_bind(line.received_ms)
                .push_bind(line.started_ms)
                .push_bind(line.settled_ms)
                .push_bind(line.attempt)
                .push_bind(line.generation)
                .push_bind(&line.target)
                .push_bind(line.verdict.as_str())
                .push_bind(&line.code)
                .push_bind(line.error.as_ref().filter(|_| !is_erased))
                .push_bind(line.answer.as_ref().filter(|_| !is_erased))
                .push_bind(&line.trace_id)
                .push_bind(line.job_id)
                .push_bind(now_ms)
                .push_bind(line.body.as_ref().filter(|_| !is_erased));
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
async fn tell_jobs(transaction: &mut Transaction, batch: &[Logged]) -> Result<(), sqlx::Error> {
    let done: Vec<Done> = batch
        .iter()
        .filter(|line| {
            use Verdict::{Duplicate, Gone, OwnWrite, Succeeded, Unwanted};
            // What was started over came from a job, which a migration leaves behind.
            let is_of_job = line.job_id.is_some() || line.generation > 0;
            match line.verdict {
                Succeeded | Gone => is_of_job || line.attempt > 0,
                Duplicate | Unwanted | OwnWrite => is_of_job,
                _ => false,
            }
        })
        .map(|line| Done {
            identity: line.identity.clone(),
            target: line.target.clone().unwrap_or_default(),
            generation: i64::from(line.generation),
        })
        .collect();
    let is_stale = |line: &&Logged| line.job_id.is_some() && matches!(line.verdict, Verdict::Stale);
    let is_skipped =
        |line: &&Logged| line.job_id.is_some() && matches!(line.verdict, Verdict::Skipped);
    let stale: Vec<Stale> = batch.iter().filter(is_stale).map(run).collect();
    let skipped: Vec<Stale> = batch.iter().filter(is_skipped).map(run).collect();
    resolve(transaction, &done).await?;
    let over = end_superseded(transaction, &stale).await?;
    let undone = return_skipped(transaction, &skipped).await?;
    let ends = batch.iter().filter_map(|line| {
        let job_id = line.job_id?;
        let end = match line.verdict {
            Verdict::Stale => over.get(&run(line)).copied(),
            Verdict::Skipped => undone.contains(&run(line)).then_some(End::Died),
            _ => None,
        };
        Some(Ended {
            job_id,
            identity: line.identity.clone(),
            target: line.target.clone().unwrap_or_default(),
            published_as: (i64::from(line.generation), line.published_as),
            end: end.or_else(|| End::of_verdict(line.verdict)),
            targets: line.targets.clone(),
        })
    });
    note_ends(transaction, ends.collect()).await
}

fn run(line: &Logged) -> Stale {
    Stale {
        job_id: line.job_id.unwrap_or_default(),
        identity: line.identity.clone(),
        target: line.target.clone().unwrap_or_default(),
        generation: i64::from(line.generation),
        attempt: i64::from(line.attempt),
    }
}
