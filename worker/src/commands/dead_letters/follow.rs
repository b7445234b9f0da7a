//! Watches a job, and works on it where nobody else may.

use std::time::Duration;

use prometheus_client::registry::Registry;
use shared::broker::Broker;
use shared::metrics::BrokerMetrics;
use shared::shutdown;
use shared::trace::Tracer;
use tokio::time::Instant;

use super::output::{complain, say, say_json};
use super::place::{Hands, Place};
use crate::records::dead_letters::{DeadLetters, Indexer, Retention};
use crate::records::jobs::{Fate, Job, JobState, Runner};

/// How often it is looked how far the job has come.
const LOOK: Duration = Duration::from_millis(300);
/// A line about it is written no more often.
const TELL: Duration = Duration::from_secs(3);
/// How long the last runs are waited for once all is published: those that are to be tried again
/// can take hours.
const LAST_RUNS: Duration = Duration::from_secs(15);

/// What whoever follows a job wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Wanted {
    /// All that it is about.
    Done,
    /// That it ends: it was just cancelled here.
    Ended,
}

/// Follows a job until nothing more of it is to be expected soon. Gives whether it went as wanted.
pub(in crate::commands) async fn follow(
    place: &Place,
    letters: &DeadLetters,
    job: Job,
    wanted: Wanted,
    json: bool,
) -> anyhow::Result<bool> {
    let metrics = || BrokerMetrics::register(&mut Registry::default());
    // Not traced: it is one command, and what it publishes goes on in the traces it is of.
    let runner = |broker: Option<Broker>| {
        Runner::start(letters.jobs(), broker, Some(job.id), metrics(), &Tracer::default())
    };
    let at_work = if job.kind.publishes() {
        match place.hands()? {
            Hands::Ours(broker) => {
                // Tells the job of what dies again.
                let (retention, indexing) = (Retention::from(&place.records), letters.clone());
                let registry = &mut Registry::default();
                let indexer =
                    Indexer::start(indexing, broker.clone(), retention, registry, metrics());
                Some((runner(Some(broker)), Some(indexer)))
            }
            Hands::Theirs => None,
            Hands::Later => {
                complain(format_args!(
                    "job {} is kept, and begins when the standalone on this directory is started",
                    job.id
                ));
                return told(&job, wanted, json);
            }
        }
    } else {
        // The records are all it needs.
        Some((runner(None), None))
    };
    let id = job.id;
    // However it is told to: the job must be let go of, or it waits for the end of its lease.
    let interrupted = shutdown::on_signal()?;
    let watched = interrupted.run_until_cancelled(watch(letters, job, json)).await;
    if let Some((runner, indexer)) = at_work {
        runner.close().await;
        if let Some(indexer) = indexer {
            indexer.close().await;
        }
    }
    let Some(job) = watched else {
        complain(format_args!(
            "not waiting any longer: a console goes on with job {id}, and so does `jobs follow {id}`; \
             `jobs cancel {id}` ends it"
        ));
        return Ok(false);
    };
    told(&job?, wanted, json)
}

async fn watch(letters: &DeadLetters, mut job: Job, json: bool) -> anyhow::Result<Job> {
    let (mut said, mut said_at, mut over_at) = (String::new(), None::<Instant>, None);
    let (mut is_away, mut is_paused) = (false, false);
    loop {
        let line = progress(&job);
        let is_time = said_at.is_none_or(|at| at.elapsed() >= TELL);
        if !json && is_time && line != said {
            complain(&line);
            (said, said_at) = (line, Some(Instant::now()));
        }
        let was_paused = std::mem::replace(&mut is_paused, job.state == JobState::Paused);
        match job.state {
            JobState::Running | JobState::Cancelling => {}
            JobState::Paused if was_paused => {}
            // Somebody wants it to wait, and so does whoever waits for it.
            JobState::Paused => complain(format_args!(
                "job {id} is paused: waiting until it goes on (`worker dead-letters jobs resume \
                 {id}`) or ends (`cancel {id}`)",
                id = job.id
            )),
            JobState::Done if job.open() > 0 => {
                let over_at = *over_at.get_or_insert_with(Instant::now);
                if over_at.elapsed() >= LAST_RUNS {
                    return Ok(job);
                }
            }
            _ => return Ok(job),
        }
        tokio::time::sleep(LOOK).await;
        match letters.jobs().get(job.id).await {
            Ok(Some(found)) => {
                job = found;
                is_away = false;
            }
            Ok(None) => anyhow::bail!("job {} is gone", job.id),
            // The job waits as well, and goes on.
            Err(error) => {
                if !std::mem::replace(&mut is_away, true) {
                    complain(format_args!("waiting for the records: {error:#}"));
                }
            }
        }
    }
}

/// Tells how it stands; whether that is as wanted.
fn told(job: &Job, wanted: Wanted, json: bool) -> anyhow::Result<bool> {
    if json {
        say_json(&job.json())?;
    } else {
        say(progress(job))?;
        let open = job.open();
        if job.state == JobState::Done && open > 0 {
            let wait = if open == 1 {
                "has not ended yet: it waits"
            } else {
                "have not ended yet: they wait"
            };
            say(format_args!(
                "{open} {wait} for a turn or for another try. `worker dead-letters jobs show {}` tells \
                 more.",
                job.id
            ))?;
        }
        if job.state == JobState::Stopped {
            say(format_args!(
                "`worker dead-letters jobs resume {}` goes on all the same.",
                job.id
            ))?;
        }
    }
    let is_cut_short = job.state == JobState::Cancelled && wanted == Wanted::Done;
    if is_cut_short {
        complain(format_args!(
            "job {id} was cancelled before all was done: what it had not come to is as it was. `worker \
             dead-letters jobs show {id}` tells how far it had come",
            id = job.id
        ));
    }
    let has_failed = matches!(job.state, JobState::Stopped | JobState::Unknown)
        || matches!(job.fate(), Some(Fate::Failing | Fate::Dead));
    Ok(!is_cut_short && !has_failed)
}

/// How far a job has come, in a line.
pub(in crate::commands) fn progress(job: &Job) -> String {
    let why = if job.reason.is_empty() { String::new() } else { format!(" ({})", job.reason) };
    let state = match job.fate() {
        Some(Fate::Published) => "has published all",
        Some(Fate::Failing) => "is failing",
        Some(Fate::Dead) if job.open() > 0 => "has published all, some died again",
        Some(Fate::Dead) => "has ended, some died again",
        Some(Fate::Succeeded) => "has succeeded",
        Some(Fate::NothingToDo) => "had nothing to do",
        None => job.state.as_str(),
    };
    let more = if job.planned_more { "more than " } else { "" };
    let dealt = format!("{} of {more}{} {}", job.published, job.planned, job.kind.done());
    let line = format!("job {} {state}{why}: {dealt}", job.id);
    if !job.kind.publishes() {
        return line;
    }
    format!(
        "{line}, {} succeeded, {} failing, {} died again, {} had nothing to do",
        job.succeeded, job.failing, job.died, job.skipped
    )
}
