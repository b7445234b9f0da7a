//! `worker events`: what happened to an event, a record or a portal, from the event log.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::data::Data;
use crate::records::{Line, Question, Records};
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
    /// The event's identity, or its first letters
    #[arg(long, value_name = "ID", value_parser = parse_event)]
    event: Option<String>,
    /// Portal id
    #[arg(long)]
    portal: Option<i64>,
    /// Object id: the deal's, the contact's
    #[arg(long)]
    object: Option<i64>,
    /// Subscription type, e.g. deal.creation
    #[arg(long = "type", value_name = "TYPE")]
    subscription_type: Option<String>,
    /// Handler
    #[arg(long)]
    target: Option<String>,
    /// succeeded, retried, exhausted, permanent, duplicate, …
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
        let records = self.records.open_for_reading(data.as_deref())?;
        let shown = self.show(&records).await;
        records.close().await;
        shown.map(|()| ExitCode::SUCCESS)
    }

    async fn show(&self, records: &Records) -> anyhow::Result<()> {
        let mut question = Question {
            event: self.event.clone(),
            portal_id: self.portal,
            object_id: self.object,
            subscription_type: self.subscription_type.clone(),
            target: self.target.clone(),
            verdict: self.verdict.clone(),
            since_ms: self.since,
            until_ms: self.until,
            after: None,
        };
        let redaction = self.records.redaction();
        let (mut left, mut is_first) = (self.limit, true);
        let mut out = std::io::stdout().lock();
        while left > 0 {
            let mut lines = records.history(&question, left.min(PAGE)).await?;
            records.redact(&redaction, &mut lines).await?;
            let Some(last) = lines.last() else { break };
            question.after = Some(last.cursor());
            left = left.saturating_sub(u32::try_from(lines.len()).unwrap_or(u32::MAX));
            for line in &lines {
                if self.json {
                    writeln!(out, "{}", serde_json::to_string(line)?)?;
                } else {
                    if std::mem::take(&mut is_first) {
                        writeln!(out, "{HEAD}")?;
                    }
                    writeln!(out, "{}", row(line))?;
                }
            }
        }
        if is_first && !self.json {
            writeln!(out, "nothing in the event log answers that")?;
        }
        Ok(())
    }
}

const HEAD: &str = "ENDED (UTC)          EVENT     TYPE                      PORTAL       OBJECT          \
    HANDLER                     ATTEMPT  VERDICT      TOOK";

fn row(line: &Line) -> String {
    let object = line.object_id.map(|id| id.to_string()).unwrap_or_default();
    let why = match (&line.code, &line.error) {
        (Some(code), Some(error)) => format!("  {code} {}", printable(error)),
        _ => String::new(),
    };
    format!(
        "{}  {:<8}  {:<24}  {:<11}  {object:<14}  {:<26}  {:>7}  {:<11}  {} ms{why}",
        when::show(line.settled_ms),
        line.identity.get(..8).unwrap_or(&line.identity),
        printable(&line.subscription_type),
        line.portal_id,
        line.target.as_deref().unwrap_or("-"),
        line.attempt + 1,
        line.verdict,
        line.settled_ms - line.started_ms,
    )
}

/// Other systems' words: nothing in them may steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn parse_event(text: &str) -> Result<String, String> {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_hex) {
        return Err("write the identity's letters: 0-9 and a-f, at most 64".to_owned());
    }
    Ok(text.to_owned())
}
