//! The right to run one event for one target, and what its owner knows of the entry: enough to write
//! it anew should the ledger have lost it. Writes nothing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names of steps, and their results as JSON.
pub(crate) type Steps = Vec<(String, String)>;

/// The right to run one event for one target, for a while.
pub struct Lease {
    pub(super) key: String,
    pub(super) token: String,
    /// Grows with every run of the entry, also past a loss of it.
    pub fence: u64,
    /// What is held against it: one for each run before this one that was claimed and never ended, since
    /// its worker died, and what releases made of that.
    pub abandoned: u32,
    /// The attempt it was claimed for, which is the lowest live one.
    pub(super) attempt: u32,
    steps: Mutex<Known>,
}

/// The steps that have succeeded.
#[derive(Default)]
struct Known {
    results: BTreeMap<String, String>,
    /// Those that the ledger is not known to have.
    unsaved: BTreeSet<String>,
}

impl Lease {
    pub(super) fn new(
        key: String,
        token: String,
        attempt: u32,
        fence: u64,
        abandoned: u32,
        steps: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let known = Known { results: steps.into_iter().collect(), unsaved: BTreeSet::new() };
        Self { key, token, fence, abandoned, attempt, steps: Mutex::new(known) }
    }

    /// The remembered result of a step, as JSON.
    pub fn step(&self, name: &str) -> Option<String> {
        self.known().results.get(name).cloned()
    }

    /// The names of the steps that are remembered, in order.
    pub(crate) fn step_names(&self) -> Vec<String> {
        self.known().results.keys().cloned().collect()
    }

    /// How many steps are remembered.
    pub(super) fn step_count(&self) -> usize {
        self.known().results.len()
    }

    /// Every step that is remembered.
    pub(super) fn steps(&self) -> Steps {
        let known = self.known();
        known.results.iter().map(|(name, json)| (name.clone(), json.clone())).collect()
    }

    /// Keeps a step's result, to be written with whatever is written next.
    pub(crate) fn keep(&self, name: &str, json: &str) {
        let mut known = self.known();
        known.results.insert(name.to_owned(), json.to_owned());
        known.unsaved.insert(name.to_owned());
    }

    /// What has not been written yet, or may not have been.
    pub(super) fn unsaved(&self) -> Steps {
        let known = self.known();
        let result = |name: &String| Some((name.clone(), known.results.get(name)?.clone()));
        known.unsaved.iter().filter_map(result).collect()
    }

    /// These were written.
    pub(super) fn saved(&self, steps: &Steps) {
        let mut known = self.known();
        for (name, json) in steps {
            // A result that was kept meanwhile is still to be written.
            if known.results.get(name) == Some(json) {
                known.unsaved.remove(name);
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token is a capability: whoever has it can write under the lease.
impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("fence", &self.fence)
            .field("abandoned", &self.abandoned)
            .finish_non_exhaustive()
    }
}
