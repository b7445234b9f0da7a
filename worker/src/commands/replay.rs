//! `worker replay`: runs events of the log once more, as a job.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use shared::clock::now_ms;

use super::dead_letters::by::By;
use super::dead_letters::change::{ask, counted, origins};
use super::dead_letters::follow::{Wanted, follow};
use super::dead_letters::output::{say, say_json};
use super::dead_letters::place::{Act, Place};
use super::dead_letters::rate::Rate;
use super::origin_flags::OriginFlags;
use crate::records::Question;
use crate::records::dead_letters::{DeadLetters, Plan};
use crate::records::jobs::{DEFAULT_RATE, Scope, Wish};
use crate::when;

/// Runs events of the event log once more, from the bytes that HubSpot sent: a job that goes no
/// faster than wanted, through a queue that live events never wait for.
///
/// What is completed stays completed: only handlers that have not succeeded for an event run, such
/// as one that was deployed since. With --force all of them run again, from the start.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker replay --since 2026-11-20 --until 2026-11-21 --type deal.creation --dry-run
  worker replay --since 2h --verdict exhausted --yes
  worker replay --since 8d --verdict skipped            once the integration that was off is on
  worker replay --since 1d --portal 62515 --object 697680835 --force

Times are UTC and those at which runs ended. Needs DATABASE_URL and AMQP_URL, or a standalone: see
--data. `worker dead-letters jobs` shows how it fares, pauses and cancels it.")]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line, each its own")]
pub struct ReplayCommand {
    /// Events with a run that ended since: 2h (ago), 2026-11-21 or 2026-11-21T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    since: i64,
    /// Ended before; now if not given
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    until: Option<i64>,
    #[command(flatten)]
    origin: OriginFlags,
    /// Of this subscription type, e.g. deal.creation
    #[arg(long = "type", value_name = "TYPE")]
    subscription_type: Option<String>,
    /// About this object: the deal's id, the contact's
    #[arg(long)]
    object: Option<u64>,
    /// With a run that ended so: succeeded, retried, exhausted, permanent, skipped, unwanted, …
    #[arg(long)]
    verdict: Option<String>,
    /// Run also what is completed, from the start: what it does to others is done twice
    #[arg(long)]
    force: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Go on without asking; needed where nobody can be asked, as in a script
    #[arg(long)]
    yes: bool,
    /// Messages published a second at most, e.g. 10/s; 0 for as fast as it goes. An event is one, and one
    /// more for each handler that gave it up
    #[arg(long, default_value_t = Rate(DEFAULT_RATE))]
    rate: Rate,
    /// Only make the job: a console, or the standalone, works on it
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    by: By,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl ReplayCommand {
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        anyhow::ensure!(
            self.yes || self.dry_run || std::io::stdin().is_terminal(),
            "nobody can be asked here: give --yes, or --dry-run to see what would be done"
        );
        anyhow::ensure!(
            self.until.is_none_or(|until| until > self.since),
            "--until is not after --since"
        );
        self.place.with(&self).await
    }

    fn describe(&self, plan: &Plan) -> String {
        let Some(oldest_ms) = plan.oldest_ms else {
            return "There is nothing to replay.".to_owned();
        };
        let what = if self.force {
            "All their handlers run again, from the start."
        } else {
            "What is completed stays so."
        };
        format!(
            "To replay: {} of {}, with runs that ended from {}{} UTC. {what}\n\
             That takes {}.",
            counted(plan, "event", "events"),
            origins(plan),
            when::show(oldest_ms),
            plan.newest_ms.map(|ms| format!(" to {}", when::show(ms))).unwrap_or_default(),
            self.rate.takes(plan)
        )
    }
}

impl Act for ReplayCommand {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let question = Question {
            origin: self.origin.origin(),
            object_id: self.object.map(u64::cast_signed),
            subscription_type: self.subscription_type.clone(),
            verdict: self.verdict.clone(),
            since_ms: Some(self.since),
            until_ms: self.until,
            ..Question::default()
        };
        let scope = Scope::Events { question, force: self.force };
        // What is logged from here on was in no plan, the replay's own runs least of all.
        let cutoff_ms = now_ms();
        let jobs = letters.jobs();
        let plan = jobs.plan(&scope, cutoff_ms).await?;
        if !self.json {
            say(self.describe(&plan))?;
        }
        let wanted = plan.count > 0 && !self.dry_run && (self.yes || ask("replay them")?);
        let job = if wanted {
            let wish = Wish { scope, cutoff_ms, rate: self.rate.0, who: self.by.who.clone() };
            jobs.make(&wish, Some(plan.counted())).await?
        } else {
            None
        };
        match job {
            Some(job) if self.detach && self.json => say_json(&job.json()).map(|()| true),
            Some(job) if self.detach => {
                say(format_args!("Job {} is made.", job.id))?;
                Ok(true)
            }
            Some(job) => follow(&self.place, letters, job, Wanted::Done, self.json).await,
            None => {
                if self.json {
                    say_json(&json!({ "action": "replay", "plan": plan, "done": false }))?;
                } else if plan.count > 0 {
                    say("Nothing was done.")?;
                }
                Ok(true)
            }
        }
    }
}
