//! `worker dead-letters restore`: makes discarded letters dead ones again.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use clap::Args;

use super::change::Change;
use super::place::Act;
use crate::records::dead_letters::DeadLetters;
use crate::records::jobs::Scope;

/// Makes discarded letters dead ones again, by number or all that match, as long as
/// DISCARDED_RETENTION is not over for them.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker dead-letters restore 17
  worker dead-letters list --state discarded
  worker dead-letters restore --portal 62515 --yes")]
pub(super) struct Restore {
    #[command(flatten)]
    pub(super) change: Change,
}

impl Act for Restore {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let retention = self.change.place.records.discarded_retention;
        let scope = Scope::restore(self.change.letters(None), retention);
        self.change.carry_out(letters, scope, None, None).await
    }
}
