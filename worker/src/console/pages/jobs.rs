//! `/jobs`: what was done in bulk, and how it goes. `/jobs/{id}`: one of them, and
//! with POST to `/jobs/{id}/{deed}` it waits, goes on or ends.

use std::time::Duration;

use actix_web::web;
use askama::Template;

use super::super::fault::Fault;
use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part, at_least, count_of, grouped};
use super::super::visit::{Answer, Visit, page, see};
use super::ROWS;
use crate::records::dead_letters::{Count as Planned, Plan};
use crate::records::jobs::{Fate, Job, JobState, Kind, Wish};

/// How long a browser waits for a job to be made; that goes on by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// A job as it is shown.
struct Shown {
    id: i64,
    what: &'static str,
    who: String,
    filter: String,
    made: Part<Moment>,
    since: Part<Moment>,
    cutoff: Part<Moment>,
    state: &'static str,
    tone: &'static str,
    reason: String,
    /// Where it matters.
    rate: Option<String>,
    planned: i64,
    published: i64,
    progress: String,
    /// What has become of what it has dealt with.
    done: &'static str,
    succeeded: Count,
    failing: Count,
    died: Count,
    skipped: String,
    /// Runs that have not come to their end.
    open: Option<String>,
    is_of_letters: bool,
    /// The state of the letters that succeeded.
    good: &'static str,
    publishes: bool,
    deeds: Vec<Deed>,
}

/// How many, and the class of that: nothing is good or bad of which there is none.
struct Count {
    text: String,
    tone: &'static str,
}

impl Count {
    fn new(count: i64, tone: &'static str) -> Self {
        Self { text: grouped(count), tone: if count > 0 { tone } else { "none" } }
    }
}

/// What can be done to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Pause,
    Resume,
    Cancel,
}

impl Deed {
    const ALL: [Self; 3] = [Self::Pause, Self::Resume, Self::Cancel];

    /// By the word of its address.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Pause => "Pause",
            Self::Resume => "Resume",
            Self::Cancel => "Cancel the job",
        }
    }

    /// The class of its button.
    fn tone(self) -> &'static str {
        match self {
            Self::Pause => "plain",
            Self::Resume => "primary",
            Self::Cancel => "danger",
        }
    }

    /// What can be done to a job in this state.
    fn on(state: JobState) -> Vec<Self> {
        match state {
            JobState::Running => vec![Self::Pause, Self::Cancel],
            JobState::Paused | JobState::Stopped => vec![Self::Resume, Self::Cancel],
            JobState::Cancelling | JobState::Cancelled | JobState::Done | JobState::Unknown => {
                Vec::new()
            }
        }
    }
}

impl Shown {
    fn new(job: Job, now_ms: i64) -> Self {
        let open = job.open();
        let is_of_letters = job.kind.is_of_letters();
        Self {
            what: what(job.kind),
            made: Moment::new(job.created_ms, now_ms),
            since: Moment::new(job.state_ms, now_ms),
            cutoff: Moment::new(job.cutoff_ms, now_ms),
            state: words(&job),
            tone: tone(&job),
            rate: job.kind.publishes().then(|| match job.rate {
                0 => "as fast as it goes".to_owned(),
                rate => format!("{} a second at most", count_of(rate, "message", "messages")),
            }),
            progress: format!(
                "{} of {}{}",
                grouped(job.published),
                if job.planned_more { "more than " } else { "" },
                grouped(job.planned)
            ),
            done: job.kind.done(),
            succeeded: Count::new(job.succeeded, "good"),
            failing: Count::new(job.failing, "bad"),
            died: Count::new(job.died, "bad"),
            skipped: grouped(job.skipped),
            open: Some(open).filter(|open| *open > 0).map(grouped),
            is_of_letters,
            good: match job.kind {
                Kind::Discard => "discarded",
                Kind::Restore => "dead",
                Kind::Retry | Kind::Restart | Kind::Replay | Kind::ForcedReplay | Kind::Unknown => {
                    "resolved"
                }
            },
            publishes: job.kind.publishes(),
            deeds: Deed::on(job.state),
            id: job.id,
            who: job.who,
            filter: job.filter,
            reason: job.reason,
            planned: job.planned,
            published: job.published,
        }
    }
}

/// What a job does, in words.
fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::Retry => "Retry",
        Kind::Restart => "Restart",
        Kind::Discard => "Discard",
        Kind::Restore => "Restore",
        Kind::Replay => "Replay",
        Kind::ForcedReplay => "Forced replay",
        Kind::Unknown => "Job of a newer version",
    }
}

fn words(job: &Job) -> &'static str {
    match job.state {
        JobState::Running => "running",
        JobState::Paused => "paused",
        JobState::Stopped => "stopped by itself",
        JobState::Cancelling => "being cancelled",
        JobState::Cancelled => "cancelled",
        JobState::Unknown => "unknown to this version",
        JobState::Done => match (job.fate(), job.kind) {
            (Some(Fate::Failing), _) => "all published, some failing",
            (Some(Fate::Dead), _) => "all published, some died again",
            (Some(Fate::NothingToDo), _) => "nothing had to be done",
            (Some(Fate::Succeeded), Kind::Discard) => "all discarded",
            (Some(Fate::Succeeded), Kind::Restore) => "all restored",
            (Some(Fate::Succeeded), _) => "all succeeded",
            (Some(Fate::Published) | None, _) => "all published",
        },
    }
}

/// The class of a state: good is only what has succeeded.
fn tone(job: &Job) -> &'static str {
    match job.state {
        JobState::Running | JobState::Cancelling | JobState::Paused => "wait",
        JobState::Stopped => "bad",
        JobState::Cancelled | JobState::Unknown => "over",
        JobState::Done => match job.fate() {
            Some(Fate::Failing | Fate::Dead) => "bad",
            Some(Fate::Succeeded) => "good",
            Some(Fate::Published) | None => "wait",
            Some(Fate::NothingToDo) => "over",
        },
    }
}

/// Makes a job, and leads to its page.
pub(super) async fn make(visit: &Visit, wish: Wish, planned: Option<Planned>) -> Answer {
    let jobs = visit.app.letters.jobs();
    // Whoever goes away meanwhile has made it all the same.
    let making = visit.app.begin(async move { jobs.make(&wish, planned).await });
    let Ok(made) = tokio::time::timeout(PATIENCE, making).await else {
        return Ok(see("/jobs?done=job-late"));
    };
    let job = made.map_err(|error| Fault::Broken(error.into()))?.map_err(Fault::Unavailable)?;
    Ok(match job {
        Some(job) => see(&format!("/jobs/{}?done=job-made", job.id)),
        None => see("/jobs?done=job-none"),
    })
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct JobsPage {
    frame: Frame,
    rows: Vec<Shown>,
    next: Option<String>,
    is_first: bool,
}

pub(in crate::console) async fn list(visit: Visit) -> Answer {
    let before = visit.query.number("before")?;
    let jobs = visit.app.letters.jobs();
    // One more than is shown tells whether there are more.
    let mut found = visit.app.ask(async move { jobs.list(before, ROWS + 1).await }).await?;
    let more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    let next = found.last().filter(|_| more).map(|job| format!("/jobs?before={}", job.id));
    page(&JobsPage {
        frame: visit.frame("Jobs", Tab::Jobs).live(before.is_none()),
        rows: found.into_iter().map(|job| Shown::new(job, visit.now_ms)).collect(),
        next,
        is_first: before.is_none(),
    })
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    frame: Frame,
    job: Shown,
    command: String,
}

pub(in crate::console) async fn show(visit: Visit, id: web::Path<String>) -> Answer {
    let job = job(&visit, &id).await?;
    let is_live = !job.state.is_over() || job.open() > 0;
    let title = format!("Job {}", job.id);
    page(&JobPage {
        frame: visit.frame(title, Tab::Jobs).live(is_live),
        command: format!("worker dead-letters jobs show {}", job.id),
        job: Shown::new(job, visit.now_ms),
    })
}

/// Lets it wait, go on or end.
pub(in crate::console) async fn turn(visit: Visit, path: web::Path<(String, String)>) -> Answer {
    let (id, deed) = path.into_inner();
    let nothing = || Fault::NotFound("There is no such action.".to_owned());
    let deed = Deed::named(&deed).ok_or_else(nothing)?;
    let id: i64 = id.parse().map_err(|_| missing(&id))?;
    let (jobs, who) = (visit.app.letters.jobs(), visit.person.name.clone());
    // Whoever goes away meanwhile has done it all the same. Nothing of it is asked before, behind all
    // who look at pages.
    let turning = visit.app.act(async move {
        let turned = match deed {
            Deed::Pause => jobs.pause(id, &who).await,
            Deed::Resume => jobs.resume(id, &who).await,
            Deed::Cancel => jobs.cancel(id, &who).await,
        }?;
        Ok(if turned || jobs.get(id).await?.is_some() { Some(turned) } else { None })
    });
    let done = match turning.await? {
        Some(Some(true)) => deed.name(),
        Some(Some(false)) => "nothing",
        Some(None) => return Err(missing(&id)),
        None => "slow",
    };
    Ok(see(&format!("/jobs/{id}?done=job-{done}")))
}

async fn job(visit: &Visit, id: &str) -> Result<Job, Fault> {
    let number: i64 = id.parse().map_err(|_| missing(&id))?;
    let jobs = visit.app.letters.jobs();
    visit.app.ask(async move { jobs.get(number).await }).await?.ok_or_else(|| missing(&id))
}

fn missing(id: &dyn std::fmt::Display) -> Fault {
    Fault::NotFound(format!("There is no job {id}."))
}

/// What was done to a job just before.
pub(in crate::console) fn notice(done: &str) -> Option<String> {
    let notice = match done {
        "job-made" => "The job is made.",
        "job-late" => "The job is being made, which takes a while: it will stand here.",
        "job-none" => "No job was made: there was nothing to do any more.",
        "job-pause" => "The job waits until it is resumed.",
        "job-resume" => "The job goes on.",
        "job-cancel" => "The job ends: what it has not come to stays as it was.",
        "job-slow" => {
            "That takes a while: it is done by itself, if the job's state still allows it."
        }
        "job-nothing" => "Nothing was done: the job's state is another one by now.",
        _ => return None,
    };
    Some(notice.to_owned())
}

/// How long what is planned takes at `rate` messages a second, in words.
pub(in crate::console) fn takes(plan: &Plan, rate: u32) -> String {
    let messages = at_least(plan.messages, plan.more, "message", "messages");
    let seconds = plan.messages.max(0).unsigned_abs().div_ceil(u64::from(rate.max(1)));
    let time = crate::when::rough(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000));
    let about = if plan.more { "more than" } else { "about" };
    format!("{messages} at {rate} a second: {about} {time}")
}
