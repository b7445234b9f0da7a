//! Which alerts are open: a condition that has held for as long as its rule asks.

use std::collections::BTreeMap;

use super::history::History;
use super::rules::{About, RULES, Rule, Severity, record};

/// An open alert.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Open {
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    /// What exactly, e.g. the process; empty if the rule is about the whole of Hubline.
    pub(crate) about: About,
    /// One line, with the figure of the last evaluation.
    pub(crate) summary: String,
    /// When it opened, ms since the Unix epoch.
    pub(crate) since_ms: i64,
}

impl Open {
    /// Where the runbook speaks of it.
    pub(crate) fn runbook(&self) -> String {
        format!("docs/alerts.md#{}", self.name.to_ascii_lowercase())
    }
}

/// What has become different.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    Opened(Open),
    Resolved(Open),
}

impl Change {
    pub(super) fn log(&self) {
        match self {
            Self::Opened(alert) => {
                let (name, summary) = (alert.name, &alert.summary);
                tracing::warn!(alert.name = name, alert.summary = summary, "alert opened");
            }
            Self::Resolved(alert) => {
                tracing::info!(alert.name = alert.name, "alert resolved");
            }
        }
    }
}

#[derive(Debug)]
struct State {
    /// Since when the condition has held.
    since_ms: i64,
    open: Option<Open>,
}

/// All conditions that hold.
#[derive(Debug, Default)]
pub(super) struct States(BTreeMap<(&'static str, About), State>);

impl States {
    /// Evaluates every rule as of `at_ms`.
    pub(super) fn advance(&mut self, history: &mut History, at_ms: i64) -> Vec<Change> {
        record(history, at_ms);
        history.forget(at_ms);
        let mut changes = Vec::new();
        for rule in &RULES {
            let found: BTreeMap<About, f64> =
                (rule.condition)(history.at(at_ms)).into_iter().collect();
            for (about, value) in &found {
                changes.extend(self.holds(rule, about, *value, at_ms));
            }
            let over: Vec<_> = self
                .0
                .keys()
                .filter(|(name, about)| *name == rule.name && !found.contains_key(about))
                .cloned()
                .collect();
            let states = over.into_iter().filter_map(|key| self.0.remove(&key));
            changes.extend(states.filter_map(|state| state.open).map(Change::Resolved));
        }
        changes
    }

    fn holds(&mut self, rule: &Rule, about: &About, value: f64, at_ms: i64) -> Option<Change> {
        let state = self.0.entry((rule.name, about.clone()));
        let state = state.or_insert(State { since_ms: at_ms, open: None });
        let summary = (rule.summary)(about, value);
        if let Some(open) = &mut state.open {
            open.summary = summary;
            return None;
        }
        if at_ms - state.since_ms < rule.hold_ms() {
            return None;
        }
        let open = Open {
            name: rule.name,
            severity: rule.severity,
            about: about.clone(),
            summary,
            since_ms: at_ms,
        };
        state.open = Some(open.clone());
        Some(Change::Opened(open))
    }

    /// Those that are open, the oldest first.
    pub(super) fn open(&self) -> Vec<Open> {
        let mut open: Vec<Open> = self.0.values().filter_map(|state| state.open.clone()).collect();
        open.sort_by_key(|alert| alert.since_ms);
        open
    }
}
