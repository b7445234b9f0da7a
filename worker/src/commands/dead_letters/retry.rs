//! `worker dead-letters retry`: publishes letters again, as a job.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use clap::Args;
use serde_json::json;
use shared::clock::now_ms;

use super::change::{Change, describe};
use super::follow::follow;
use super::output::{say, say_json};
use super::place::Act;
use crate::harmless::cut;
use crate::records::dead_letters::{DeadLetters, Plan, State};
use crate::records::jobs::{DEFAULT_RATE, MAX_RATE, Scope, Wish};

/// Publishes dead letters again, by number or all that match: a job that goes no faster than wanted,
/// begins with 20 letters, and stops by itself when most die again. They go through a queue of
/// their own, which live events never wait for. Each gets one attempt more and goes on where it
/// failed: steps that had succeeded are not run again. What dies after the plan was shown is left
/// alone.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker dead-letters retry 17 18 19
  worker dead-letters retry --problem 5ac1b1f0c1d2e3f4 --dry-run
  worker dead-letters retry --code ERP_503 --rate 10/s --yes
  worker dead-letters retry --target on_deal_closed --since 2h --from-start
  worker dead-letters retry --sent-before 2h --all    whose result was never heard of")]
pub(super) struct Retry {
    /// Run everything anew, also the steps that had succeeded
    #[arg(long)]
    from_start: bool,
    /// Letters that were retried at or before this time and never heard of again, instead of dead ones
    #[arg(long, value_name = "TIME", value_parser = crate::when::parse)]
    sent_before: Option<i64>,
    /// Letters published a second at most, e.g. 10/s; 0 for as fast as it goes
    #[arg(long, default_value_t = Rate(DEFAULT_RATE))]
    pub(super) rate: Rate,
    /// Only make the job: a console, or the standalone, works on it
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    pub(super) change: Change,
}

/// Said of letters that are older than what is remembered.
const FORGOTTEN: &str =
    "Some died more than eight days ago: their steps may be forgotten, and run again.";

/// Messages a second.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) struct Rate(pub(in crate::commands) u32);

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix("/s").unwrap_or(text);
        match number.parse() {
            Ok(rate) if rate <= MAX_RATE => Ok(Self(rate)),
            _ => Err(format!("write a number a second as 10/s, at most {MAX_RATE}/s, or 0")),
        }
    }
}

impl Rate {
    /// How long the planned messages take, in words.
    pub(in crate::commands) fn takes(self, plan: &Plan) -> String {
        if self.0 == 0 {
            return "as fast as it goes".to_owned();
        }
        let seconds = u64::try_from(plan.count).unwrap_or_default().div_ceil(u64::from(self.0));
        let time = humantime::format_duration(std::time::Duration::from_secs(seconds));
        format!("{} {time} at {self}", if plan.more { "more than" } else { "about" })
    }
}

impl Act for Retry {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let verb = if self.from_start { "restart" } else { "retry" };
        let state = self.sent_before.map(|_| State::Retried);
        let filter = self.change.filter.filter(&self.change.ids, state);
        // What dies from here on was in no plan.
        let cutoff_ms = self.sent_before.unwrap_or_else(now_ms);
        let jobs = letters.jobs();
        let scope = Scope::Letters { filter: filter.clone(), restart: self.from_start };
        let plan = jobs.plan(&scope, cutoff_ms).await?;
        if !self.change.json {
            say(describe(verb, &filter, &plan))?;
            if plan.count > 0 {
                say(format_args!("That takes {}.", self.rate.takes(&plan)))?;
            }
            if !self.from_start && plan.forgets_steps(now_ms()) {
                say(FORGOTTEN)?;
            }
        }
        let wanted = self.change.wants(verb, &plan)?;
        let job = if wanted {
            let who = self.change.by.who.clone();
            let wish = Wish { scope, cutoff_ms, rate: self.rate.0, who };
            jobs.make(&wish, Some(plan.counted())).await?
        } else {
            None
        };
        match job {
            Some(job) if self.detach => {
                if self.change.json {
                    say_json(&job)?;
                } else {
                    say(format_args!("Job {} ({}) is made.", job.id, cut(&job.filter, 200)))?;
                }
                Ok(true)
            }
            Some(job) => follow(&self.change.place, letters, job, self.change.json).await,
            None => {
                if self.change.json {
                    say_json(&json!({
                        "action": verb, "filter": filter, "plan": plan, "done": false,
                    }))?;
                } else if plan.count > 0 {
                    say("Nothing was done.")?;
                }
                Ok(true)
            }
        }
    }
}
