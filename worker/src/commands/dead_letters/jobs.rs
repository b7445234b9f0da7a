//! `worker dead-letters jobs`: how far jobs have come, and telling them to wait, go on or end.

use clap::{Args, ValueEnum};
use shared::harmless::{cut, harmless};

use super::by::By;
use super::follow::{Wanted, follow, progress};
use super::output::{complain, say, say_json};
use super::place::{Act, Place};
use crate::records::dead_letters::DeadLetters;
use crate::records::jobs::Job;
use crate::when;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Deed {
    /// The last jobs, the latest first
    List,
    /// One job
    Show,
    /// Wait until it is resumed
    Pause,
    /// Go on, also after it has stopped by itself
    Resume,
    /// Do no more; what it has not come to stays as it was
    Cancel,
    /// Watch it, and work on it if nobody else does
    Follow,
}

/// Jobs: what was done to many letters or events at once, how far it has come, and how it fares.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker dead-letters jobs
  worker dead-letters jobs show 3
  worker dead-letters jobs pause 3
  worker dead-letters jobs cancel 3")]
pub(super) struct JobsCommand {
    /// What to do
    #[arg(value_enum, default_value = "list")]
    deed: Deed,
    /// The job's number; with `list`, only older ones
    id: Option<i64>,
    /// At most so many
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// After `resume` and `cancel`: leave the work to a console or the standalone
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    by: By,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) place: Place,
}

impl JobsCommand {
    /// Refuses what cannot be meant.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.deed == Deed::List || self.id.is_some(),
            "say which job: its number, as `worker dead-letters jobs` shows it"
        );
        Ok(())
    }

    async fn list(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let list = letters.jobs().list(self.id, self.limit).await?;
        if self.json {
            say_json(&list.iter().map(Job::json).collect::<Vec<_>>())?;
            return Ok(true);
        }
        if list.is_empty() {
            say("There are no jobs.")?;
        }
        for job in &list {
            say(harmless(&progress(job)))?;
            say(format_args!("    {}", about(job)))?;
        }
        Ok(true)
    }
}

/// What a job is about, in a line.
fn about(job: &Job) -> String {
    let rate =
        if job.rate == 0 { "as fast as it goes".to_owned() } else { format!("{}/s", job.rate) };
    cut(
        &format!(
            "{} by {} on {} UTC, {rate}: {}",
            job.kind,
            job.who,
            when::show(job.created_ms),
            job.filter
        ),
        300,
    )
}

impl Act for JobsCommand {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let Some(id) = self.id.filter(|_| self.deed != Deed::List) else {
            return self.list(letters).await;
        };
        let jobs = letters.jobs();
        let Some(job) = jobs.get(id).await? else {
            complain(format_args!("there is no job {id}"));
            return Ok(false);
        };
        let turned = match self.deed {
            Deed::List | Deed::Show | Deed::Follow => true,
            Deed::Pause => jobs.pause(id, &self.by.who).await?,
            Deed::Resume => jobs.resume(id, &self.by.who).await?,
            Deed::Cancel => jobs.cancel(id, &self.by.who).await?,
        };
        if !turned {
            complain(format_args!("job {id} is {}: nothing was done", job.state));
            return Ok(false);
        }
        let job = jobs.get(id).await?.unwrap_or(job);
        let goes_on = matches!(self.deed, Deed::Resume | Deed::Cancel) && !self.detach;
        if goes_on || self.deed == Deed::Follow {
            let wanted = if self.deed == Deed::Cancel { Wanted::Ended } else { Wanted::Done };
            return follow(&self.place, letters, job, wanted, self.json).await;
        }
        if self.json {
            say_json(&job.json())?;
        } else {
            say(harmless(&progress(&job)))?;
            say(about(&job))?;
        }
        Ok(true)
    }
}
