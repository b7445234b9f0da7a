//! What actions on many letters have in common: plan, question, deed.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use serde_json::json;
use shared::clock::now_ms;
use shared::terminal;

use super::by::By;
use super::filter::FilterFlags;
use super::output::{complain, say, say_json};
use super::place::Place;
use crate::harmless::cut;
use crate::records::dead_letters::{DeadLetters, Filter, Plan, State};
use crate::when;

/// Which letters, and how it is done.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line, each its own")]
pub(super) struct Change {
    /// Letters by number; without any, all that match
    #[arg(value_name = "ID")]
    pub(super) ids: Vec<i64>,
    #[command(flatten)]
    pub(super) filter: FilterFlags,
    /// Every letter there is: without numbers or a filter nothing is done otherwise
    #[arg(long)]
    all: bool,
    /// Only say what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pub(super) by: By,
    /// One JSON document
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) place: Place,
}

/// What is to be done, and to what.
pub(super) struct Order<'a> {
    pub(super) filter: &'a Filter,
    pub(super) cutoff_ms: i64,
    pub(super) by: &'a str,
}

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

    /// Does `deed` to the letters in state `from` that are there now, if it is wanted.
    pub(super) async fn carry_out(
        &self,
        letters: &DeadLetters,
        verb: &str,
        from: State,
        deed: impl AsyncFnOnce(Order<'_>) -> anyhow::Result<u64>,
    ) -> anyhow::Result<bool> {
        let filter = self.filter.filter(&self.ids, None);
        // What dies from here on was in no plan.
        let cutoff_ms = now_ms();
        let plan = letters.plan(&filter, from, cutoff_ms).await?;
        if !self.json {
            say(describe(verb, &filter, &plan))?;
        }
        let wanted = self.wants(verb, &plan)?;
        let moved = if wanted {
            deed(Order { filter: &filter, cutoff_ms, by: &self.by.who }).await?
        } else {
            0
        };
        if self.json {
            say_json(&json!({
                "action": verb, "filter": filter, "plan": plan, "done": wanted, "moved": moved,
            }))?;
        } else if wanted {
            say(format_args!("Done: {moved} letters."))?;
        } else if plan.count > 0 {
            say("Nothing was done.")?;
        }
        Ok(true)
    }
}

impl Change {
    /// Whether it is to be done, now that the plan is known.
    pub(super) fn wants(&self, verb: &str, plan: &Plan) -> anyhow::Result<bool> {
        Ok(plan.count > 0 && !self.dry_run && (self.yes || ask(&format!("{verb} them"))?))
    }
}

pub(super) fn describe(verb: &str, filter: &Filter, plan: &Plan) -> String {
    let Some(oldest_ms) = plan.oldest_ms else { return format!("There is nothing to {verb}.") };
    format!(
        "To {verb}: {} of {}, died from {}{} UTC ({}).",
        counted(plan, "letters"),
        portals(plan),
        when::show(oldest_ms),
        plan.newest_ms.map(|ms| format!(" to {}", when::show(ms))).unwrap_or_default(),
        cut(&filter.to_string(), 200)
    )
}

/// How many, as far as was counted.
pub(in crate::commands) fn counted(plan: &Plan, what: &str) -> String {
    format!("{}{} {what}", if plan.more { "more than " } else { "" }, plan.count)
}

/// In how many portals, as far as was counted.
pub(in crate::commands) fn portals(plan: &Plan) -> String {
    format!("{}{} portals", plan.portals, if plan.more { " or more" } else { "" })
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
