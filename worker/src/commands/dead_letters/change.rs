//! What actions on many letters have in common: plan, question, and the job that does it.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use serde_json::json;
use shared::clock::now_ms;
use shared::harmless::cut;
use shared::terminal;

use super::by::By;
use super::filter::FilterFlags;
use super::follow::{Wanted, follow};
use super::output::{complain, say, say_json};
use super::place::Place;
use super::rate::Rate;
use crate::count::count;
use crate::records::dead_letters::{DeadLetters, Filter, Plan, State};
use crate::records::jobs::{Kind, Scope, Wish};
use crate::when;

/// Which letters, and how it is done.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line, each its own")]
pub(super) struct Change {
    /// Letters by number; without any, all that match
    #[arg(value_name = "ID")]
    ids: Vec<i64>,
    #[command(flatten)]
    filter: FilterFlags,
    /// Every letter there is: without numbers or a filter nothing is done otherwise
    #[arg(long)]
    all: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Go on without asking; needed where nobody can be asked, as in a script
    #[arg(long)]
    yes: bool,
    /// Only make the job: a console, or the standalone, works on it
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

/// Said of letters that are older than what is remembered.
const FORGOTTEN: &str =
    "Some died more than eight days ago: their steps may be forgotten, and run again.";

impl Change {
    /// Refuses what was hardly meant.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let filter = self.filter.filter(&self.ids, None);
        anyhow::ensure!(
            self.all || !filter.is_empty(),
            "say which letters: by number, by a filter such as --code, or --all"
        );
        anyhow::ensure!(
            !self.all || filter.is_empty(),
            "--all means every letter: leave it out to go by numbers or a filter"
        );
        anyhow::ensure!(
            self.yes || self.dry_run || std::io::stdin().is_terminal(),
            "nobody can be asked here: give --yes, or --dry-run to see what would be done"
        );
        Ok(())
    }

    /// The filter; of letters that were retried at or before this time and never heard of again, if one
    /// is given.
    pub(super) fn letters(&self, sent_before_ms: Option<i64>) -> Filter {
        self.filter.filter(&self.ids, sent_before_ms.map(|_| State::Retried))
    }

    /// Does what `scope` says to the letters that are as it says at `cutoff_ms`, if it is wanted: makes
    /// the job, and follows it. `rate` is how fast it publishes, if it does.
    pub(super) async fn carry_out(
        &self,
        letters: &DeadLetters,
        scope: Scope,
        cutoff_ms: Option<i64>,
        rate: Option<Rate>,
    ) -> anyhow::Result<bool> {
        // What dies from here on was in no plan.
        let cutoff_ms = cutoff_ms.unwrap_or_else(now_ms);
        let (jobs, verb, words) = (letters.jobs(), scope.kind().as_str(), scope.words());
        let plan = jobs.plan(&scope, cutoff_ms).await?;
        if !self.json {
            say(describe(verb, &words, &plan))?;
            if let Some(rate) = rate.filter(|_| plan.count > 0) {
                say(format_args!("That takes {}.", rate.takes(&plan)))?;
            }
            if scope.kind() == Kind::Retry && plan.forgets_steps(now_ms()) {
                say(FORGOTTEN)?;
            }
        }
        let job = if self.wants(verb, &plan)? {
            let (rate, who) = (rate.map_or(0, |rate| rate.0), self.by.who.clone());
            let wish = Wish { scope: scope.clone(), cutoff_ms, rate, who };
            jobs.make(&wish, Some(plan.counted())).await?
        } else {
            None
        };
        match job {
            Some(job) if self.detach && self.json => say_json(&job.json()).map(|()| true),
            Some(job) if self.detach => {
                say(format_args!("Job {} ({}) is made.", job.id, cut(&job.filter, 200)))?;
                Ok(true)
            }
            Some(job) => follow(&self.place, letters, job, Wanted::Done, self.json).await,
            None => {
                if self.json {
                    say_json(&json!({
                        "action": verb, "scope": scope, "plan": plan, "done": false,
                    }))?;
                } else if plan.count > 0 {
                    say("Nothing was done.")?;
                }
                Ok(true)
            }
        }
    }

    /// Whether it is to be done, now that the plan is known.
    fn wants(&self, verb: &str, plan: &Plan) -> anyhow::Result<bool> {
        Ok(plan.count > 0 && !self.dry_run && (self.yes || ask(&format!("{verb} them"))?))
    }
}

fn describe(verb: &str, words: &str, plan: &Plan) -> String {
    let Some(oldest_ms) = plan.oldest_ms else { return format!("There is nothing to {verb}.") };
    format!(
        "To {verb}: {} of {}, died from {}{} UTC ({}).",
        counted(plan, "letter", "letters"),
        origins(plan),
        when::show(oldest_ms),
        plan.newest_ms.map(|ms| format!(" to {}", when::show(ms))).unwrap_or_default(),
        cut(words, 200)
    )
}

/// How many, as far as was counted.
pub(in crate::commands) fn counted(plan: &Plan, one: &str, many: &str) -> String {
    format!("{}{}", if plan.more { "more than " } else { "" }, count(plan.count, one, many))
}

/// Of how many origins, as far as was counted.
pub(in crate::commands) fn origins(plan: &Plan) -> String {
    if plan.more {
        return format!("{} or more origins", plan.origins);
    }
    count(plan.origins, "origin", "origins")
}

/// Asks on the terminal.
pub(in crate::commands) fn ask(question: &str) -> anyhow::Result<bool> {
    terminal::ask(format_args!("{question}? [y/N]"))?;
    let mut answer = String::new();
    if std::io::stdin().lock().read_line(&mut answer)? == 0 {
        complain("no answer");
    }
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
