//! `worker dead-letters retry`: publishes letters again, as a job.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use clap::Args;

use super::change::Change;
use super::place::Act;
use super::rate::Rate;
use crate::records::dead_letters::DeadLetters;
use crate::records::jobs::{Action, DEFAULT_RATE, Scope};

/// Publishes dead letters again, by number or all that match: a job that goes no faster than wanted,
/// begins with 20 letters until one has succeeded, and stops by itself when most fail. They go through a queue of
/// their own, which live events never wait for. Each gets one attempt more and goes on where it
/// failed: steps that had succeeded are not run again. What dies after the plan was shown is left
/// alone.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker dead-letters retry 17 18 19
  worker dead-letters retry --problem 5ac1b1f0c1d2e3f4 --dry-run
  worker dead-letters retry --code ERP_503 --rate 10/s --yes
  worker dead-letters retry --handler on_deal_closed --died-since 2h --from-start
  worker dead-letters retry --sent-before 2h --all    whose result was never heard of")]
pub(super) struct Retry {
    /// Run everything anew, also the steps that had succeeded
    #[arg(long)]
    from_start: bool,
    /// Letters that were retried at or before this time and never heard of again, instead of dead ones
    #[arg(long, value_name = "TIME", value_parser = crate::when::parse)]
    sent_before: Option<i64>,
    /// Messages published a second at most, one for each letter, e.g. 10/s; 0 for as fast as it goes
    #[arg(long, default_value_t = Rate(DEFAULT_RATE))]
    rate: Rate,
    #[command(flatten)]
    pub(super) change: Change,
}

impl Act for Retry {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let action = if self.from_start { Action::Restart } else { Action::Retry };
        let scope = Scope::letters(action, self.change.letters(self.sent_before));
        self.change.carry_out(letters, scope, self.sent_before, Some(self.rate)).await
    }
}
