//! `worker dead-letters export`: all letters that match, for other programs.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::borrow::Cow;
use std::io::{BufWriter, Write};

use clap::{Args, ValueEnum};

use super::filter::{FilterFlags, StateFlag};
use super::place::{Act, Place};
use crate::harmless::{harmless_json, payload};
use crate::records::dead_letters::{DeadLetters, Exported, Letter};
use crate::records::redaction::Redacted;

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
    pub(super) place: Place,
}

impl Act for Export {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let filter = self.filter.filter(&[], self.state.0);
        let redaction = self.place.records.redaction();
        let mut export = letters.export(&filter).await?;
        let mut out = BufWriter::new(std::io::stdout());
        if self.format == Format::Csv {
            writeln!(out, "{}", COLUMNS.join(","))?;
        }
        loop {
            let batch = export.next().await?;
            if batch.is_empty() {
                break;
            }
            for Exported { letter, body } in &batch {
                let event = body.as_deref().map(|body| redaction.of(body));
                match self.format {
                    Format::Jsonl => writeln!(out, "{}", json_line(letter, event.as_ref())?)?,
                    Format::Csv => writeln!(out, "{}", csv_line(letter, event.as_ref()))?,
                }
            }
        }
        out.flush()?;
        Ok(true)
    }
}

fn json_line(letter: &Letter, event: Option<&Redacted<'_>>) -> anyhow::Result<String> {
    let mut document = serde_json::to_value(letter)?;
    if let Some(event) = event {
        let (name, text) = payload(event);
        document[name] = text.into();
        document["error"] = event.text(&letter.error).into();
    }
    Ok(harmless_json(&serde_json::to_string(&document)?))
}

const COLUMNS: [&str; 16] = [
    "id",
    "died_ms",
    "received_ms",
    "portal_id",
    "type",
    "object_id",
    "target",
    "attempt",
    "generation",
    "reason",
    "code",
    "error",
    "problem",
    "state",
    "identity",
    "payload",
];

fn csv_line(letter: &Letter, event: Option<&Redacted<'_>>) -> String {
    let error = event.map_or(Cow::Borrowed(&*letter.error), |event| event.text(&letter.error));
    let cells = [
        letter.id.to_string(),
        letter.died_ms.to_string(),
        letter.received_ms.to_string(),
        letter.portal_id.cast_unsigned().to_string(),
        text(&letter.subscription_type),
        letter.object_id.map(|id| id.to_string()).unwrap_or_default(),
        text(&letter.target),
        letter.attempt.to_string(),
        letter.generation.to_string(),
        text(&letter.reason),
        text(&letter.code),
        text(&error),
        letter.fingerprint.clone(),
        letter.state.to_string(),
        letter.identity.clone(),
        event.map(|event| text(&payload(event).1)).unwrap_or_default(),
    ];
    cells.join(",")
}

/// A cell with quotes where it needs them.
fn text(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn a_cell_is_no_formula_and_ends_where_it_should() {
        for (given, written) in [
            ("plain", "plain"),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("a,b", "\"a,b\""),
            ("a\nb", "\"a\nb\""),
            ("-1", "'-1"),
        ] {
            assert_eq!(text(given), written);
        }
    }
}
