//! `worker dead-letters export`: all letters that match, for other programs.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::io::{BufWriter, Write};

use clap::{Args, ValueEnum};

use super::by::By;
use super::filter::{FilterFlags, StateFlag};
use super::place::{Act, Place};
use crate::records::dead_letters::{DeadLetters, ExportFormat, Exported};
use crate::records::redaction::Redaction;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

/// All letters that match, the oldest first, with their events, on standard output; however many they
/// are, memory holds a few.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
JSON lines hold the event as `payload`, or as `payload_hex` if it is no text, or `payload_withheld` says
why it is not shown (REDACT_PROPERTIES). In CSV, cells that a spreadsheet would take for a formula begin
with an apostrophe.")]
pub(super) struct Export {
    #[command(flatten)]
    filter: FilterFlags,
    /// dead, requested, retried, resolved, died_again, discarded, or any
    #[arg(long, default_value = "dead")]
    state: StateFlag,
    /// What to write
    #[arg(long, default_value = "jsonl")]
    format: Format,
    /// JSON lines, which is what is written anyhow
    #[arg(long, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    pub(super) place: Place,
}

impl Act for Export {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let filter = self.filter.filter(&[], self.state.0);
        let redaction = Redaction::from(&self.place.records);
        let aliases = letters.aliases(&redaction).await?;
        let mut export = letters.export(&filter, &self.by.who).await?;
        let mut out = BufWriter::new(std::io::stdout());
        let format = match self.format {
            Format::Jsonl => ExportFormat::JsonLines,
            Format::Csv => ExportFormat::Csv,
        };
        out.write_all(format.head().as_bytes())?;
        loop {
            let batch = export.next().await?;
            if batch.is_empty() {
                break;
            }
            for Exported { letter, body } in &batch {
                let event = body.as_deref().map(|body| redaction.of(body));
                out.write_all(format.line(letter, event.as_ref(), &aliases)?.as_bytes())?;
            }
        }
        out.flush()?;
        Ok(true)
    }
}
