//! `worker dead-letters discard`: lets go of letters, softly.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use clap::Args;

use super::change::Change;
use super::place::Act;
use crate::records::dead_letters::DeadLetters;
use crate::records::jobs::{Action, Scope};

/// Lets go of dead letters, by number or all that match: a job does it. They can be restored until
/// DISCARDED_RETENTION is over, and are deleted then. What dies after the plan was shown is left alone.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker dead-letters discard 17 18 19
  worker dead-letters discard --code ERP_422 --died-before 7d --dry-run
  worker dead-letters discard --problem 5ac1b1f0c1d2e3f4 --yes --json
  worker dead-letters discard --sent-before 2d --all    retried, and never heard of again")]
pub(super) struct Discard {
    /// Letters that were retried at or before this time and never heard of again, instead of dead ones
    #[arg(long, value_name = "TIME", value_parser = crate::when::parse)]
    sent_before: Option<i64>,
    #[command(flatten)]
    pub(super) change: Change,
}

impl Act for Discard {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let scope = Scope::letters(Action::Discard, self.change.letters(self.sent_before));
        self.change.carry_out(letters, scope, self.sent_before, None).await
    }
}
