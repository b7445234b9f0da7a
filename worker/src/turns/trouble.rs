//! Gates and limits at which runs of this worker were turned away lately: whoever comes to one of them asks
//! there first, before it spends anything elsewhere. Nobody else has to.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than whoever is turned away stays away at first: as long as there is trouble it is seen again.
const LATELY: Duration = Duration::from_secs(15);
/// So many are kept before those are dropped that are over.
const MANY: usize = 1000;

/// When runs were last turned away, by the keys of where.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<HashMap<String, Instant>>);

impl Trouble {
    /// Somebody was turned away there.
    pub(super) fn note(&self, key: &str) {
        let mut gates = self.lock();
        if let Some(at) = gates.get_mut(key) {
            *at = Instant::now();
            return;
        }
        if gates.len() >= MANY {
            gates.retain(|_, at| at.elapsed() < LATELY);
        }
        gates.insert(key.to_owned(), Instant::now());
    }

    /// Whether somebody was lately.
    pub(super) fn is_lately(&self, key: &str) -> bool {
        self.lock().get(key).is_some_and(|at| at.elapsed() < LATELY)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
