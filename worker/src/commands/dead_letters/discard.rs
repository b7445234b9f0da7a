//! `worker dead-letters discard`: lets go of letters, softly.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use clap::Args;

use super::change::Change;
use super::place::Act;
use crate::records::dead_letters::{DeadLetters, State};

/// Lets go of dead letters, by number or all that match. They can be restored until
/// DISCARDED_RETENTION is over, and are deleted then. What dies after the plan was shown is left alone.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker dead-letters discard 17 18 19
  worker dead-letters discard --code ERP_422 --until 7d --dry-run
  worker dead-letters discard --problem 5ac1b1f0c1d2e3f4 --yes --json")]
pub(super) struct Discard {
    #[command(flatten)]
    pub(super) change: Change,
}

impl Act for Discard {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let deed = async |order: super::change::Order<'_>| {
            letters.discard(order.filter, order.cutoff_ms, order.by).await
        };
        self.change.carry_out(letters, "discard", State::Dead, deed).await
    }
}
