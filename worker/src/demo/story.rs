//! What happened to each event, told line by line and summed up.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::stand_ins::Call;

/// A line of the worker's log that tells of one run.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    #[serde(rename = "event.id")]
    event_id: String,
    #[serde(rename = "event.type", default)]
    event_type: String,
    #[serde(default)]
    handler: String,
    #[serde(default)]
    attempt: u32,
    verdict: String,
    #[serde(rename = "error.code", default)]
    code: String,
    #[serde(rename = "error.message", default)]
    error: String,
}

impl Line {
    /// Reads a log line; `None` if it is about something else.
    pub(super) fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    fn is_end(&self) -> bool {
        !matches!(self.verdict.as_str(), "retried" | "held" | "limited" | "interrupted" | "lost")
    }
}

/// The events so far.
#[derive(Debug, Default)]
pub(super) struct Story {
    posted: usize,
    refused: usize,
    ended: usize,
    verdicts: BTreeMap<String, usize>,
    dead: Vec<String>,
    retried: Vec<String>,
}

impl Story {
    /// A delivery of `events` was answered with `status`.
    pub(super) fn posted(&mut self, status: u16, events: usize) {
        if status == 200 {
            self.posted += events;
        } else {
            self.refused += 1;
        }
    }

    /// Every event has come to its end.
    pub(super) fn is_over(&self) -> bool {
        self.ended >= self.posted
    }

    pub(super) fn tell(&mut self, line: &Line) {
        let id = line.event_id.get(..8).unwrap_or(&line.event_id);
        let target = if line.handler.is_empty() { "-" } else { &line.handler };
        let why = match line.verdict.as_str() {
            "retried" | "permanent" | "exhausted" | "limited" => {
                format!(": {} {}", line.code, line.error)
            }
            _ => String::new(),
        };
        println!(
            "worker    {id} {:<28} {target:<26} attempt {} → {}{why}",
            line.event_type,
            line.attempt + 1,
            line.verdict
        );
        *self.verdicts.entry(line.verdict.clone()).or_default() += 1;
        self.ended += usize::from(line.is_end());
        let case = || format!("{id} {} {target}: {} {}", line.event_type, line.code, line.error);
        match line.verdict.as_str() {
            "permanent" | "exhausted" | "crashed" | "unreadable" => self.dead.push(case()),
            "retried" => self.retried.push(case()),
            _ => {}
        }
    }

    /// Prints the summary; true if all went as it should.
    pub(super) fn sum_up(&self, calls: &[Call]) -> bool {
        println!("\nEvents taken in: {}, deliveries refused: {}", self.posted, self.refused);
        for (verdict, count) in &self.verdicts {
            println!("  {verdict:<12} {count}");
        }
        println!("Called:");
        let mut called: BTreeMap<(&str, &str, u16), usize> = BTreeMap::new();
        for call in calls {
            *called.entry((&call.api, &call.method, call.status)).or_default() += 1;
        }
        for ((api, method, status), count) in called {
            println!("  {api:<12} {method} → {status}: {count}");
        }
        println!("Retried: {}", self.retried.len());
        for case in &self.retried {
            println!("  {case}");
        }
        println!("Dead letters: {}", self.dead.len());
        for case in &self.dead {
            println!("  {case}");
        }
        let count = |verdict: &str| self.verdicts.get(verdict).copied().unwrap_or_default();
        // The refused order, and nothing else, is given up; Slack's failures passed.
        let as_expected = self.is_over()
            && self.refused == 0
            && self.dead.len() == 1
            && self.dead[0].contains("ERP_422")
            && !self.retried.is_empty()
            && count("duplicate") + count("stale") == 1;
        println!("\n{}", if as_expected { "All as it should be." } else { "Not as it should be." });
        as_expected
    }
}
