//! What happened to each event, told line by line and summed up.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::Deserialize;
use shared::senders::Sender;

use super::deliveries::Delivery;
use super::tenants;
use crate::stand_ins::Call;

/// A line of the worker's log that tells of one event.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    message: String,
    #[serde(rename = "event.id")]
    event_id: String,
    #[serde(rename = "event.type", default)]
    event_type: String,
    #[serde(default)]
    handler: String,
    #[serde(default)]
    attempt: u32,
    #[serde(default)]
    step: String,
    #[serde(default)]
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

    /// What happened, in one word.
    fn word(&self) -> &str {
        match self.verdict.as_str() {
            "" if self.message == "event claimed" => "claimed",
            "" if self.message == "step done" => "step",
            "" => "",
            "succeeded" => "done",
            "permanent" | "exhausted" | "crashed" | "unreadable" => "dead",
            verdict => verdict,
        }
    }

    /// Whether the event is not coming again for this handler.
    fn is_end(&self) -> bool {
        !matches!(
            self.verdict.as_str(),
            "" | "retried" | "held" | "limited" | "interrupted" | "lost"
        )
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
    /// Events, and the handlers for which each is coming again.
    waiting: BTreeSet<(String, String)>,
    /// What comes is told and not kept: there is no end to it.
    is_summed_up: bool,
}

impl Story {
    /// A delivery was answered with `status`.
    pub(super) fn posted(&mut self, status: u16, delivery: &Delivery) {
        if status != 200 {
            self.refused += 1;
            return;
        }
        self.posted += delivery.events;
        let body = Bytes::from(delivery.body.clone());
        for element in Sender::HubSpot.split(&body).unwrap_or_default() {
            if let Ok(event) = Sender::HubSpot.identify(&element) {
                let id = event.identity.to_string();
                print("received", &id, &event.topic, "");
            }
        }
    }

    /// Every event has come to its end.
    pub(super) fn is_over(&self) -> bool {
        self.ended >= self.posted
    }

    /// Whether nothing is left but what waits for this target.
    pub(super) fn only_waits_for(&self, target: &str) -> bool {
        let mut waiting = self.waiting.iter();
        self.ended + self.waiting.len() >= self.posted
            && !self.waiting.is_empty()
            && waiting.all(|(_, handler)| handler == target)
    }

    pub(super) fn tell(&mut self, line: &Line) {
        let word = line.word();
        if word.is_empty() {
            return;
        }
        let about = match word {
            "claimed" => format!("{}, attempt {}", line.event_type, line.attempt + 1),
            "step" => line.step.clone(),
            // The log says more of it only to those who look closer.
            "limited" if line.code.is_empty() => "waits, and no attempt is spent".to_owned(),
            "retried" | "dead" | "limited" => format!("{} {}", line.code, line.error),
            _ => String::new(),
        };
        let handler = if line.handler.is_empty() { &line.event_type } else { &line.handler };
        print(word, &line.event_id, handler, &about);
        if line.verdict.is_empty() {
            return;
        }
        *self.verdicts.entry(word.to_owned()).or_default() += 1;
        self.ended += usize::from(line.is_end());
        let share = (line.event_id.clone(), handler.clone());
        if line.is_end() {
            self.waiting.remove(&share);
        } else {
            self.waiting.insert(share);
        }
        if self.is_summed_up {
            return;
        }
        let case = format!("{} {handler}: {about}", short(&line.event_id));
        match word {
            "dead" => self.dead.push(case),
            "retried" => self.retried.push(case),
            _ => {}
        }
    }

    /// From now on nothing is summed up any more.
    pub(super) fn go_on(&mut self) {
        self.is_summed_up = true;
        self.dead.clear();
        self.retried.clear();
    }

    /// Prints the summary; true if all went as it should.
    pub(super) fn sum_up(&self, calls: &[Call]) -> bool {
        say!("\nEvents taken in: {}, deliveries refused: {}", self.posted, self.refused);
        for (verdict, count) in &self.verdicts {
            say!("  {verdict:<12} {count}");
        }
        say!("Called:");
        let mut called: BTreeMap<(&str, &str, u16), usize> = BTreeMap::new();
        for call in calls {
            *called.entry((&call.api, &call.method, call.status)).or_default() += 1;
        }
        for ((api, method, status), count) in called {
            say!("  {api:<12} {method} → {status}: {count}");
        }
        say!("Retried: {}", self.retried.len());
        for case in &self.retried {
            say!("  {case}");
        }
        say!("Dead letters: {}", self.dead.len());
        for case in &self.dead {
            say!("  {case}");
        }
        let count = |verdict: &str| self.verdicts.get(verdict).copied().unwrap_or_default();
        let are_all_there = tenants::sum_up(calls);
        // The refused order, and nothing else, is given up; Slack's failures passed.
        let as_expected = self.is_over()
            && self.refused == 0
            && self.dead.len() == 1
            && self.dead[0].contains("ERP_422")
            && !self.retried.is_empty()
            && are_all_there
            && count("duplicate") + count("stale") == 1;
        say!("\n{}", if as_expected { "All as it should be." } else { "Not as it should be." });
        as_expected
    }
}

/// One line: what happened, to which event, where, and what else there is to say.
fn print(word: &str, event_id: &str, place: &str, about: &str) {
    say!("{}", format!("  {word:<9} {} {place:<28} {about}", short(event_id)).trim_end());
}

/// Enough of an identity to tell the demo's events apart.
fn short(event_id: &str) -> &str {
    event_id.get(..8).unwrap_or(event_id)
}
