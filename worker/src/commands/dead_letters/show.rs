//! `worker dead-letters show`: one letter with its history.

use clap::{Args, ValueEnum};
use shared::harmless::{harmless, harmless_bytes};

use super::by::By;
use super::list::lines;
use super::output::{answered, complain, say, say_json};
use super::place::{Act, Place};
use crate::indented::indented;
use crate::records::dead_letters::{DeadLetters, Shown};
use crate::records::redaction::{Redacted, Redaction, WITHHELD};
use crate::when;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Spelling {
    Pretty,
    Raw,
}

/// One letter: what it is, the letters of the same event and handler before and after it, what the
/// event log still has of it, and the event itself.
#[derive(Args, Clone, Debug)]
pub(super) struct Show {
    /// The letter's number
    id: i64,
    /// The event too, what could steer a terminal written out; `--payload=raw` without line breaks of
    /// ours
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "pretty", value_name = "SPELLING")]
    payload: Option<Spelling>,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    pub(super) place: Place,
}

impl Act for Show {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let Some(mut shown) = letters.show(self.id).await? else {
            complain(format_args!("there is no letter {}", self.id));
            return Ok(false);
        };
        let redaction = Redaction::from(&self.place.records);
        let body = if self.payload.is_some() {
            letters.hand_out(self.id, &self.by.who).await?
        } else if redaction.is_on() {
            letters.body(self.id).await?
        } else {
            None
        };
        let event = redaction.of_kept(body.as_deref());
        shown.redact(&redaction, &event, &letters.aliases(&redaction).await?);
        if self.json {
            let mut document = serde_json::to_value(&shown)?;
            if self.payload.is_some() && body.is_some() {
                let (name, text) = event.payload();
                document[name] = text.into();
            }
            say_json(&document)?;
            return Ok(true);
        }
        facts(&shown)?;
        history(&shown)?;
        match self.payload {
            None => {}
            Some(_) if body.is_none() => say("\nThe event was erased.")?,
            Some(spelling) => write(&event, spelling)?,
        }
        Ok(true)
    }
}

fn facts(shown: &Shown) -> std::io::Result<()> {
    let letter = &shown.letter;
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    let size =
        letter.body_bytes.map_or_else(|| "erased".to_owned(), |size| format!("{size} bytes"));
    let facts = [
        ("letter", letter.id.to_string()),
        ("state", format!("{} since {}", letter.state, when::show(letter.state_ms))),
        (
            "died",
            format!("{} ({}, queue {})", when::show(letter.died_ms), letter.reason, letter.queue),
        ),
        ("error", format!("{} {}", letter.code, letter.error)),
        ("problem", letter.fingerprint.clone()),
        ("handler", letter.target.clone()),
        ("origin", letter.origin.to_string()),
        ("type", letter.subscription_type.clone()),
        ("object", number(letter.object_id)),
        ("event", letter.identity.clone()),
        ("received", when::show(letter.received_ms)),
        (
            "attempts",
            match letter.generation {
                0 => letter.attempt.to_string(),
                _ => format!("{} since it was started over", letter.attempt),
            },
        ),
        ("steps done", letter.steps.replace(',', ", ")),
        ("trace", letter.traceparent.clone().unwrap_or_default()),
        ("size", size),
        ("job", number(letter.job_id)),
        ("retry of", number(letter.previous_id)),
    ];
    for (name, fact) in facts {
        if !fact.is_empty() {
            say(format_args!("{name:<10} {}", harmless(&fact)))?;
        }
    }
    Ok(())
}

fn history(shown: &Shown) -> std::io::Result<()> {
    for (title, letters) in [("Earlier letters", &shown.earlier), ("Later letters", &shown.later)] {
        if !letters.is_empty() {
            say(format_args!("\n{title} of the same event and handler:"))?;
        }
        for line in letters.iter().flat_map(lines) {
            say(line)?;
        }
    }
    if !shown.log.is_empty() {
        say("\nThe event log, the latest first:")?;
    }
    for line in &shown.log {
        let why = match (&line.code, &line.error) {
            (Some(code), Some(error)) => format!("  {code} {error}"),
            _ => String::new(),
        };
        say(harmless(&format!(
            "{}  attempt {:>2}  {:<11}  {} ms  {}{why}",
            when::show(line.settled_ms),
            line.attempt + 1,
            line.verdict,
            line.settled_ms - line.started_ms,
            line.target.as_deref().unwrap_or("-")
        )))?;
        if let Some(answer) = &line.answer {
            say(answered(answer))?;
        }
    }
    Ok(())
}

fn write(event: &Redacted<'_>, spelling: Spelling) -> std::io::Result<()> {
    let Some(bytes) = event.bytes() else { return say(format_args!("\nThe event is {WITHHELD}.")) };
    say("\nThe event:")?;
    let json = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    match json {
        Some(json) if spelling == Spelling::Pretty => {
            say(harmless_bytes(indented(json).as_bytes()))
        }
        _ => say(harmless_bytes(bytes)),
    }
}
