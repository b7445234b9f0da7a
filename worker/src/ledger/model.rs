//! What claims mean, as a pure state: one entry, and what its owners write. Time stands still but for
//! leases that run out, and a fence is the number of the run.
//!
//! [`explorer`] goes through every course of two workers; [`courses`] hold both engines to the same
//! answers.

use std::collections::{BTreeMap, BTreeSet};

use super::Release;
use super::write::Write;

mod courses;
mod explorer;

/// Numbers of steps, and their results.
type Results = BTreeMap<u8, u8>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Started,
    Released,
    Completed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry {
    state: State,
    /// The number of the last run.
    run: u32,
    lowest: u32,
    abandoned: u32,
    /// Whether the lease has run out.
    is_over: bool,
    steps: Results,
}

/// One event, target and generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Model {
    entry: Option<Entry>,
}

/// What a run knows of its entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Owned {
    run: u32,
    attempt: u32,
    abandoned: u32,
    steps: Results,
    unsaved: BTreeSet<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Started(Owned),
    Held,
    Completed,
    Stale,
    Apart(u32),
}

impl Owned {
    /// A step has succeeded.
    fn keep(&mut self, step: u8, result: u8) {
        self.steps.insert(step, result);
        self.unsaved.insert(step);
    }

    /// The entry as it stands under this lease.
    fn entry(&self) -> Entry {
        Entry {
            state: State::Started,
            run: self.run,
            lowest: self.attempt,
            abandoned: self.abandoned,
            is_over: false,
            steps: self.steps.clone(),
        }
    }
}

impl Model {
    /// Claims it for the run of this number, which is larger than all before it, unless its abandoned runs
    /// are as many as `apart` has.
    fn claim(&mut self, run: u32, attempt: u32, apart: &[u32]) -> Answer {
        let (abandoned, steps) = match &mut self.entry {
            None => (0, Results::new()),
            Some(Entry { state: State::Completed, .. }) => return Answer::Completed,
            Some(entry) if attempt < entry.lowest => return Answer::Stale,
            Some(Entry { state: State::Started, is_over: false, .. }) => return Answer::Held,
            Some(entry) => {
                let has_died = entry.state == State::Started;
                let abandoned = entry.abandoned + u32::from(has_died);
                if apart.contains(&abandoned) {
                    if has_died {
                        // Nobody's: the run of this number does not begin.
                        entry.state = State::Released;
                        (entry.run, entry.lowest, entry.abandoned) = (run, attempt, abandoned);
                    }
                    return Answer::Apart(abandoned);
                }
                (abandoned, entry.steps.clone())
            }
        };
        let owned = Owned { run, attempt, abandoned, steps, unsaved: BTreeSet::new() };
        self.entry = Some(owned.entry());
        Answer::Started(owned)
    }

    /// True if it was written, also when it is said again. What was lost is written anew first.
    fn write(&mut self, owned: &mut Owned, write: Write) -> bool {
        let entry = self.entry.get_or_insert_with(|| owned.entry());
        if entry.run != owned.run {
            return false;
        }
        match (write, entry.state) {
            (Write::Complete, State::Completed) => return true,
            (Write::Release(_), State::Released) => {
                owned.unsaved.clear();
                return true;
            }
            (_, State::Started) => {}
            _ => return false,
        }
        if write != Write::Extend {
            let unsaved = std::mem::take(&mut owned.unsaved);
            entry.steps.extend(unsaved.iter().map(|step| (*step, owned.steps[step])));
        }
        match write {
            Write::Extend => entry.is_over = false,
            Write::Remember | Write::Note => {}
            Write::Complete => {
                entry.state = State::Completed;
                entry.steps.clear();
            }
            Write::Release(release) => {
                entry.state = State::Released;
                entry.lowest = entry.lowest.max(release.lowest().unwrap_or_default());
                entry.abandoned = release.abandoned().unwrap_or(entry.abandoned);
            }
        }
        true
    }

    /// The lease that stands runs out.
    fn run_out(&mut self) {
        if let Some(entry) = &mut self.entry {
            entry.is_over = true;
        }
    }

    /// The server forgets it.
    fn lose(&mut self) {
        self.entry = None;
    }
}
