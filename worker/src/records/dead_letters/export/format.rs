//! How an exported letter is written for other programs: as JSON lines or as CSV.

use std::borrow::Cow;

use shared::harmless::{harmless_json, harmless_lines};

use crate::records::alias::Aliases;
use crate::records::dead_letters::letter::Letter;
use crate::records::redaction::Redacted;

/// How letters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A JSON document a line, with the event as `payload`, or as `payload_hex` if it is no text,
    /// or `payload_withheld` says why it is not shown.
    JsonLines,
    /// With a head; cells that a spreadsheet would take for a formula begin with an apostrophe.
    Csv,
}

impl Format {
    /// What stands before the first letter.
    pub(crate) fn head(self) -> String {
        match self {
            Self::JsonLines => String::new(),
            Self::Csv => COLUMNS.join(",") + "\n",
        }
    }

    /// A letter as people may see it and its event, unless that was erased; with the line's end.
    pub(crate) fn line(
        self,
        letter: &Letter,
        event: Option<&Redacted<'_>>,
        aliases: &Aliases,
    ) -> anyhow::Result<String> {
        let letter = &Letter { identity: aliases.shown(&letter.identity), ..letter.clone() };
        let line = match self {
            Self::JsonLines => json_line(letter, event)?,
            Self::Csv => csv_line(letter, event),
        };
        Ok(line + "\n")
    }
}

fn json_line(letter: &Letter, event: Option<&Redacted<'_>>) -> anyhow::Result<String> {
    let mut document = serde_json::to_value(letter)?;
    if let Some(event) = event {
        let (name, text) = event.payload();
        document[name] = text.into();
        document["error"] = event.text(&letter.error).into();
    }
    Ok(harmless_json(&serde_json::to_string(&document)?))
}

const COLUMNS: [&str; 16] = [
    "id",
    "died_ms",
    "received_ms",
    "origin",
    "type",
    "object_id",
    "handler",
    "attempts",
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
        letter.origin.to_string(),
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
        event.map(|event| json_text(&event.payload().1)).unwrap_or_default(),
    ];
    cells.join(",")
}

/// An event's cell: the same to a program if it is JSON.
fn json_text(event: &str) -> String {
    match serde_json::from_str::<serde::de::IgnoredAny>(event) {
        Ok(_) => cell(&harmless_json(event)),
        Err(_) => text(event),
    }
}

/// A cell of others' words.
fn text(text: &str) -> String {
    cell(&harmless_lines(text))
}

/// A cell with quotes where it needs them.
fn cell(text: &str) -> String {
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
    use super::{json_text, text};

    #[test]
    fn a_cell_is_no_formula_and_ends_where_it_should() {
        for (given, written) in [
            ("plain", "plain"),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("a,b", "\"a,b\""),
            ("a\nb", "\"a\nb\""),
            ("-1", "'-1"),
            ("\tx", "'\tx"),
            ("a\u{1b}[2J\u{9b}\r\u{202e}\u{200b}", "a\\u{1b}[2J\\u{9b}\\u{d}\\u{202e}\\u{200b}"),
        ] {
            assert_eq!(text(given), written);
        }
    }

    #[test]
    fn an_events_cell_is_the_same_json_and_steers_nothing() {
        let (event, harmless) = ("{\"a\":\r\n\"\u{9b}\u{202e}\"}", "{\"a\": \n\"\\u009b\\u202e\"}");
        assert_eq!(json_text(event), format!("\"{}\"", harmless.replace('"', "\"\"")));
        assert_eq!(json_text("{\u{1b}"), "{\\u{1b}");
    }
}
