//! `worker dead-letters list`: letters, the latest first.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use clap::Args;
use shared::harmless::cut;

use super::filter::{FilterFlags, StateFlag};
use super::output::{say, say_json};
use super::place::{Act, Place};
use crate::records::dead_letters::{DeadLetters, Letter};
use crate::records::redaction::Redaction;
use crate::when;

/// Letters, the latest first, each on two lines: what died when, and why.
#[derive(Args, Clone, Debug)]
pub(super) struct List {
    #[command(flatten)]
    filter: FilterFlags,
    /// dead, requested, retried, resolved, died_again, discarded, or any
    #[arg(long, default_value = "dead")]
    state: StateFlag,
    /// At most so many
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Only letters behind this one: where the last page ended
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) place: Place,
}

impl Act for List {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let filter = self.filter.filter(&[], self.state.0);
        let mut page = letters.list(&filter, self.before, self.limit).await?;
        letters.redact(&Redaction::from(&self.place.records), &mut page.letters).await?;
        if self.json {
            say_json(&page)?;
            return Ok(true);
        }
        if page.letters.is_empty() {
            say("No letter matches.")?;
            return Ok(true);
        }
        say(HEAD)?;
        for letter in &page.letters {
            for line in lines(letter) {
                say(line)?;
            }
        }
        if let Some(next) = page.next {
            say(format_args!("There are more: --before {next}"))?;
        }
        Ok(true)
    }
}

const HEAD: &str = "     ID  DIED (UTC)           ORIGIN            TYPE                 OBJECT        TRIES  STATE";

/// A letter in a list.
pub(super) fn lines(letter: &Letter) -> [String; 2] {
    let object = letter.object_id.map(|id| id.to_string()).unwrap_or_default();
    let target = if letter.target.is_empty() { "(no handler)" } else { &letter.target };
    let error = if letter.body_bytes.is_some() { &letter.error } else { "(erased)" };
    let why = format!("{target}: {} {error}", letter.code);
    [
        format!(
            "{:>7}  {}  {:<16}  {:<19}  {:<12}  {:>5}  {}",
            letter.id,
            when::show(letter.died_ms),
            cut(&letter.origin.to_string(), 30),
            cut(&letter.subscription_type, 19),
            cut(&object, 20),
            letter.attempt,
            letter.state
        ),
        format!("         {}", cut(&why, 90)),
    ]
}
