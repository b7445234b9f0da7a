//! Which limits there are: whoever asks at one notes it, and all that was noted by any worker lately is
//! looked at for people.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::take::millis;
use crate::limits::Of;

/// For how long a limit is known after it mattered last.
const KNOWN: Duration = Duration::from_secs(3600);
/// The most that are looked at: whoever has more portals sees those that were busy last.
const MOST: usize = 1000;

/// What this worker has asked at since it last told, and how long from then on that matters.
#[derive(Debug, Default)]
pub(super) struct Noted(Mutex<HashMap<String, u64>>);

impl Noted {
    pub(super) fn note(&self, of: Of, key: &str, wait: Duration) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait_ms = noted.entry(format!("{} {key}", of.as_str())).or_default();
        *wait_ms = (*wait_ms).max(millis(wait));
    }

    /// As the script is told it.
    pub(super) fn told(&self) -> Vec<String> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let noted = noted.into_iter().flat_map(|(name, wait_ms)| [name, wait_ms.to_string()]);
        [millis(KNOWN).to_string(), MOST.to_string()].into_iter().chain(noted).collect()
    }
}

/// What is counted, and at which limit, of a name that was noted.
pub(super) fn read(name: &str) -> Option<(Of, &str)> {
    let (of, limit) = name.split_once(' ')?;
    let of = [Of::Requests, Of::Calls].into_iter().find(|known| known.as_str() == of)?;
    Some((of, limit))
}
