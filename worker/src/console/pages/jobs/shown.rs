//! A job as it is shown.

use super::deed::Deed;
use crate::console::parts::{Moment, Part, count_of, grouped};
use crate::records::jobs::{Fate, Job, JobState, Kind};

/// It.
pub(super) struct Shown {
    pub(super) id: i64,
    pub(super) what: &'static str,
    pub(super) who: String,
    pub(super) filter: String,
    pub(super) made: Part<Moment>,
    pub(super) since: Part<Moment>,
    pub(super) cutoff: Part<Moment>,
    pub(super) state: &'static str,
    pub(super) tone: &'static str,
    pub(super) reason: String,
    /// Where it matters.
    pub(super) rate: Option<String>,
    pub(super) planned: i64,
    pub(super) published: i64,
    pub(super) progress: String,
    /// What has become of what it has dealt with.
    pub(super) done: &'static str,
    pub(super) succeeded: Count,
    pub(super) failing: Count,
    pub(super) died: Count,
    pub(super) skipped: String,
    /// Runs that have not come to their end.
    pub(super) open: Option<String>,
    pub(super) is_of_letters: bool,
    /// The state of the letters that succeeded.
    pub(super) good: &'static str,
    pub(super) publishes: bool,
    pub(super) deeds: Vec<Deed>,
}

/// How many, and the class of that: nothing is good or bad of which there is none.
pub(super) struct Count {
    pub(super) text: String,
    pub(super) tone: &'static str,
}

impl Count {
    fn new(count: i64, tone: &'static str) -> Self {
        Self { text: grouped(count), tone: if count > 0 { tone } else { "none" } }
    }
}

impl Shown {
    pub(super) fn new(job: Job, now_ms: i64) -> Self {
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
