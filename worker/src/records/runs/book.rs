//! Some runs, and what follows from what is told of them.

use std::collections::{BTreeMap, BTreeSet};

use super::counts::Counts;
use super::end::{End, Ended};
use super::stage::Stage;

/// Of which job, which event, and which handler: none in a message to all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::records) struct RunId {
    pub(in crate::records) job_id: i64,
    pub(in crate::records) identity: String,
    pub(in crate::records) target: String,
}

impl RunId {
    /// The message to all handlers that this run came from.
    fn of_all(&self) -> Self {
        Self { target: String::new(), ..self.clone() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) stage: Stage,
    /// Generation and attempt that it was published as.
    pub(super) published_as: (i64, i64),
    /// Messages of it that may be on their way: one that was perhaps published is published again.
    pub(super) copies: i64,
}

impl Run {
    fn new(published_as: (i64, i64), copies: i64) -> Self {
        Self { stage: Stage::Open, published_as, copies }
    }

    /// Once it is told that a message of it, published as this, came to an end.
    fn after(self, end: End, published_as: (i64, i64)) -> Self {
        let stage = match (self.stage, end) {
            (Stage::Succeeded, _) | (_, End::Succeeded) => Stage::Succeeded,
            (Stage::Died, _) | (_, End::Died) => Stage::Died,
            (_, End::Skipped) => Stage::Skipped,
            (_, End::Failed) => Stage::Failing,
            // A message to all handlers says nothing of one that has a message of its own.
            (Stage::Open, End::Stale) if published_as < self.published_as => Stage::Open,
            (Stage::Open, End::Stale) => {
                // The later attempt is perhaps another copy's.
                let copies = self.copies - 1;
                let stage = if copies > 0 { Stage::Open } else { Stage::Skipped };
                return Self { stage, copies, ..self };
            }
            (stage, End::Stale) => stage,
        };
        Self { stage, ..self }
    }
}

/// Some runs, and what changes of them and of their jobs' counters.
#[derive(Debug, Default)]
pub(in crate::records) struct Book {
    pub(super) runs: BTreeMap<RunId, Run>,
    pub(super) changed: BTreeSet<RunId>,
    pub(super) counts: BTreeMap<i64, Counts>,
}

impl Book {
    fn counts(&mut self, job_id: i64) -> &mut Counts {
        self.counts.entry(job_id).or_default()
    }

    /// Writes down how a run is, or that there is none.
    fn put(&mut self, key: &RunId, run: Option<Run>) {
        let before = self.runs.get(key).copied();
        if before == run {
            return;
        }
        let counts = self.counts(key.job_id);
        counts.moved(before.map(|run| run.stage), run.map(|run| run.stage));
        match run {
            Some(run) => self.runs.insert(key.clone(), run),
            None => self.runs.remove(key),
        };
        self.changed.insert(key.clone());
    }

    /// A message that is about to be published.
    pub(in crate::records) fn expect(&mut self, key: &RunId, published_as: (i64, i64)) {
        let run = match self.runs.get(key) {
            Some(run) => Run { copies: run.copies + 1, ..*run },
            None => Run::new(published_as, 1),
        };
        self.put(key, Some(run));
    }

    /// A message of which it is known that it was not published.
    pub(in crate::records) fn withdraw(&mut self, key: &RunId) {
        let Some(run) = self.runs.get(key).copied() else { return };
        let copies = run.copies - 1;
        let is_left = copies > 0 || run.stage != Stage::Open;
        self.put(key, Some(Run { copies, ..run }).filter(|_| is_left));
    }

    /// How a message of a run ended.
    pub(super) fn tell(&mut self, ended: &Ended) {
        let key = RunId {
            job_id: ended.job_id,
            identity: ended.identity.clone(),
            target: ended.target.clone(),
        };
        if !ended.targets.is_empty() {
            self.spread(&key, ended);
        }
        let Some(end) = ended.end else { return };
        let before = self.runs.get(&key).copied();
        let run = before.unwrap_or_else(|| Run::new(ended.published_as, 1));
        let after = run.after(end, ended.published_as);
        self.put(&key, Some(after));
        let is_news = before.is_none_or(|before| before.stage != after.stage);
        let letter = end.letter().filter(|_| match end {
            End::Failed => after.stage == Stage::Failing,
            _ => is_news,
        });
        self.counts(key.job_id).recent.extend(letter);
    }

    /// A message to all handlers has come to a worker: there is a run for each that wants it.
    fn spread(&mut self, key: &RunId, ended: &Ended) {
        let all = key.of_all();
        // None if an earlier line has told of it.
        let copies = self.runs.get(&all).map(|run| run.copies);
        for target in &ended.targets {
            let key = RunId { target: target.to_string(), ..all.clone() };
            let run = match (self.runs.get(&key), copies) {
                (None, copies) => Run::new(ended.published_as, copies.unwrap_or(1)),
                (Some(run), Some(more)) if run.published_as <= ended.published_as => {
                    Run { copies: run.copies + more, ..*run }
                }
                (Some(_), _) => continue,
            };
            self.put(&key, Some(run));
        }
        self.put(&all, None);
    }
}

#[cfg(test)]
mod tests;
