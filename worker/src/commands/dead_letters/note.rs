//! `worker dead-letters note`: what people know of a problem, beside it.

use std::io::IsTerminal as _;

use clap::Args;
use serde_json::json;
use shared::harmless::harmless;

use super::by::By;
use super::change::ask;
use super::output::{complain, say, say_json};
use super::place::{Act, Place};
use crate::records::dead_letters::{DeadLetters, Noted, note_version};

/// Writes a note on a problem, which `groups` shows; without a text takes it away.
///
/// A note that is there already is shown, and written over only by whoever has read it: on a terminal
/// you are asked; else say with --over what you have read.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker dead-letters note 5ac1b1f0c1d2e3f4 \"their price list is broken, back on Monday\"
  worker dead-letters note 5ac1b1f0c1d2e3f4 \"mended\" --over \"their price list is broken, back on Monday\"")]
pub(super) struct Note {
    /// The problem, as `groups` shows it
    #[arg(value_name = "PROBLEM")]
    problem: String,
    /// The note
    text: Option<String>,
    /// The note that this one takes the place of, as you have read it
    #[arg(long, value_name = "NOTE")]
    over: Option<String>,
    #[command(flatten)]
    by: By,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) place: Place,
}

impl Note {
    /// What has been read of the note that is there.
    async fn read(&self, letters: &DeadLetters) -> anyhow::Result<Option<String>> {
        if self.over.is_some() || !std::io::stdin().is_terminal() {
            return Ok(self.over.clone());
        }
        let Some(there) = letters.problem(&self.problem).await?.and_then(|it| it.note) else {
            return Ok(None);
        };
        complain(format_args!("there is a note already: {}", harmless(&there)));
        Ok(ask("write over it")?.then_some(there))
    }
}

impl Act for Note {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let (read, text) = (self.read(letters).await?, self.text.as_deref());
        let read = note_version(read.as_deref());
        let noted = letters.note(&self.problem, &read, text, &self.by.who).await?;
        let is_written = noted == Noted::Written;
        match noted {
            Noted::Unknown => complain("there is no such problem"),
            Noted::Changed(Some(note)) => complain(format_args!(
                "nothing was written. There is this note, which --over NOTE writes over: {}",
                harmless(&note)
            )),
            Noted::Changed(None) => complain("nothing was written: there is no note any more"),
            Noted::Written if self.json => {
                say_json(&json!({ "problem": self.problem, "note": self.text }))?;
            }
            Noted::Written => say("Done.")?,
        }
        Ok(is_written)
    }
}
