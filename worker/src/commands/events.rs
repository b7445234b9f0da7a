//! `worker events`: what happened to an event, a record or an account, from the event log.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::process::ExitCode;

use clap::Args;
use shared::harmless::harmless;

use super::data::Data;
use super::dead_letters::output::{answered, exit_code, say, say_json};
use super::origin_flags::OriginFlags;
use crate::records::redaction::Redaction;
use crate::records::{ALIAS_LETTERS, Line, Question, Records};
use crate::settings::RecordsSettings;
use crate::when;

/// Lines asked for at once.
const PAGE: u32 = 500;

/// Shows what became of deliveries, the latest first: every attempt of every handler, duplicates
/// too.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker events --portal 62515 --object 697680835     what happened to this deal
  worker events --event 3c5ca12c --json                one event's whole way, for programs
  worker events --since 2h --verdict exhausted

Times are UTC. Needs DATABASE_URL, or a standalone: see --data.")]
pub struct EventsCommand {
    /// The event's identity, or its first letters; with REDACT_PROPERTIES all letters of what it is
    /// called
    #[arg(long, value_name = "ID", value_parser = parse_event)]
    event: Option<String>,
    #[command(flatten)]
    origin: OriginFlags,
    /// Object id: the deal's, the contact's
    #[arg(long)]
    object: Option<i64>,
    /// Subscription type, e.g. deal.creation
    #[arg(long = "type", value_name = "TYPE")]
    subscription_type: Option<String>,
    /// Handler
    #[arg(long)]
    handler: Option<String>,
    /// succeeded, retried, exhausted, permanent, skipped, gone, duplicate, …
    #[arg(long)]
    verdict: Option<String>,
    /// Ended since: 2h (ago), 2026-11-21 or 2026-11-21T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    since: Option<i64>,
    /// Ended before
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    until: Option<i64>,
    /// At most so many lines
    #[arg(long, default_value = "50")]
    limit: u32,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: Data,
    /// Records.
    #[command(flatten)]
    records: RecordsSettings,
}

impl EventsCommand {
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        let data = self.data.told(&self.records)?;
        let records = Records::open_for_reading(&self.records, data.as_deref())?;
        let shown = self.show(&records).await;
        records.close().await;
        Ok(exit_code(shown.map(|()| true)))
    }

    async fn show(&self, records: &Records) -> anyhow::Result<()> {
        let redaction = Redaction::from(&self.records);
        let event = match &self.event {
            None => None,
            Some(called) => Some(
                records.aliases(&redaction).await?.meant(called).ok_or_else(|| {
                    anyhow::anyhow!(
                        "with REDACT_PROPERTIES give all {ALIAS_LETTERS} letters that this command shows of an event"
                    )
                })?,
            ),
        };
        let mut question = Question {
            event,
            called: None,
            origin: self.origin.origin(),
            object_id: self.object,
            subscription_type: self.subscription_type.clone(),
            target: self.handler.clone(),
            verdict: self.verdict.clone(),
            since_ms: self.since,
            until_ms: self.until,
            after: None,
        };
        let (mut left, mut is_first) = (self.limit, true);
        let table = Table { letters: if redaction.is_on() { ALIAS_LETTERS } else { 8 } };
        while left > 0 {
            let mut lines = records.history(&question, left.min(PAGE)).await?;
            records.redact(&redaction, &mut lines).await?;
            let Some(last) = lines.last() else { break };
            question.after = Some(last.id);
            left = left.saturating_sub(u32::try_from(lines.len()).unwrap_or(u32::MAX));
            for line in &lines {
                if self.json {
                    say_json(line)?;
                } else {
                    if std::mem::take(&mut is_first) {
                        say(table.head())?;
                    }
                    say(table.row(line))?;
                    // Of one event's way; elsewhere a line is a line.
                    if let (Some(answer), Some(_)) = (&line.answer, &self.event) {
                        say(answered(answer))?;
                    }
                }
            }
        }
        if is_first && !self.json {
            say("nothing in the event log answers that")?;
        }
        Ok(())
    }
}

/// Lines as people read them.
struct Table {
    /// Letters of what an event is called: enough to ask for it.
    letters: usize,
}

impl Table {
    fn head(&self) -> String {
        format!(
            "{:<19}  {:<width$}  {:<24}  {:<18}  {:<14}  {:<26}  ATTEMPT  {:<11}  TOOK",
            "ENDED (UTC)",
            "EVENT",
            "TYPE",
            "ORIGIN",
            "OBJECT",
            "HANDLER",
            "VERDICT",
            width = self.letters,
        )
    }

    fn row(&self, line: &Line) -> String {
        let object = line.object_id.map(|id| id.to_string()).unwrap_or_default();
        let why = match (&line.code, &line.error) {
            (Some(code), Some(error)) => format!("  {code} {error}"),
            _ => String::new(),
        };
        format!(
            "{}  {:<width$}  {:<24}  {:<18}  {object:<14}  {:<26}  {:>7}  {:<11}  {} ms{}",
            when::show(line.settled_ms),
            line.identity.get(..self.letters).unwrap_or(&line.identity),
            harmless(&line.subscription_type),
            harmless(&line.origin.to_string()),
            harmless(line.target.as_deref().unwrap_or("-")),
            line.attempt + 1,
            line.verdict,
            line.settled_ms - line.started_ms,
            harmless(&why),
            width = self.letters,
        )
    }
}

fn parse_event(text: &str) -> Result<String, String> {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_hex) {
        return Err("write the identity's letters: 0-9 and a-f, at most 64".to_owned());
    }
    Ok(text.to_owned())
}
