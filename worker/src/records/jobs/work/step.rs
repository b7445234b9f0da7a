//! One step of the work: what a kind of job comes down to is said here, and nowhere else.

use std::time::Duration;

use super::{Next, Work};
use crate::records::dead_letters::claims::ClaimOf;
use crate::records::dead_letters::filter::Filter;
use crate::records::jobs::job::{Job, JobState};
use crate::records::jobs::wish::{Action, Scope};
use crate::records::runs::at_work::AtWork;

/// Letters moved in one transaction.
const MOVED: u32 = 2000;

impl Work {
    pub(super) async fn step(&mut self, job: &Job) -> anyhow::Result<Next> {
        // However the job stands by now, and whoever has it next.
        if self.published.is_some() {
            return self.note_published(job).await;
        }
        match job.state {
            JobState::Running => {}
            JobState::Cancelling => {
                return self.cancel(job).await;
            }
            JobState::Paused
            | JobState::Stopped
            | JobState::Cancelled
            | JobState::Done
            | JobState::Unknown => {
                self.jobs.let_go(self.lease.at()).await?;
                return Ok(Next::Nothing);
            }
        }
        let Ok(scope) = serde_json::from_str::<Scope>(&job.scope) else {
            let reason = "made by another version, which this one does not understand";
            return self.end(job, JobState::Stopped, reason).await;
        };
        let (jobs, at) = (self.jobs.clone(), self.lease.clone());
        match scope {
            Scope::Letters { filter, action: Action::Discard, .. } => {
                let claim = claim(job, at.at(), &filter, MOVED);
                let moved = jobs.letters().discard_for_job(claim).await?;
                self.moved(job, moved).await
            }
            Scope::Letters { filter, action: Action::Restore, since_ms } => {
                let claim = claim(job, at.at(), &filter, MOVED);
                let moved = jobs.letters().restore_for_job(claim, since_ms).await?;
                self.moved(job, moved).await
            }
            Scope::Letters { filter, action: Action::Retry, .. } => {
                let next =
                    |limit| jobs.next_letters(job, claim(job, at.at(), &filter, limit), false);
                self.publish_some(job, next).await
            }
            Scope::Letters { filter, action: Action::Restart, .. } => {
                let next =
                    |limit| jobs.next_letters(job, claim(job, at.at(), &filter, limit), true);
                self.publish_some(job, next).await
            }
            Scope::Events { question, force } => {
                let next = |limit| jobs.next_events(job, &question, force, limit);
                self.publish_some(job, next).await
            }
        }
    }

    /// Goes on with a job that moves letters, unless there were none any more.
    async fn moved(&self, job: &Job, letters: usize) -> anyhow::Result<Next> {
        if letters > 0 {
            return Ok(Next::After(Duration::ZERO));
        }
        tracing::info!(job.id, letters = job.published, "job done: all is moved");
        self.end(job, JobState::Done, "").await
    }

    /// Ends the work, unless somebody has turned the job meanwhile.
    pub(super) async fn end(&self, job: &Job, to: JobState, reason: &str) -> anyhow::Result<Next> {
        let ended = self.jobs.end(job, self.lease.at(), to, reason).await?;
        Ok(if ended { Next::Nothing } else { Next::After(Duration::ZERO) })
    }

    /// Lets go of what is claimed. What was perhaps published stays so: nobody knows, and shown as dead it
    /// would be retried beside itself.
    async fn cancel(&self, job: &Job) -> anyhow::Result<Next> {
        let (letters, at) = (self.jobs.letters(), self.lease.at());
        let (left, given_back) = (letters.leave_begun(at).await?, letters.give_back(at).await?);
        let reason = match left {
            0 => String::new(),
            left => {
                format!("{left} were being published when it was cut off, and may be on their way")
            }
        };
        tracing::info!(job.id, letters = given_back, left, "job cancelled");
        self.end(job, JobState::Cancelled, &reason).await
    }
}

/// The next letters of a job.
fn claim<'a>(job: &Job, at: AtWork<'a>, filter: &'a Filter, limit: u32) -> ClaimOf<'a> {
    ClaimOf { at, filter, cutoff_ms: job.cutoff_ms, after: job.place_id, limit }
}
