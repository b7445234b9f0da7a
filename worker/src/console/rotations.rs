//! How often people who see one account alone make another secret: each time all workers read everything anew.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use shared::origin::Origin;

/// So many for one account within [`WITHIN`].
pub(super) const MOST: usize = 10;
const WITHIN: Duration = Duration::from_secs(60);

/// The last of each account, of which there are as many as tokens that are bound to one.
#[derive(Debug, Default)]
pub(super) struct Rotations(Mutex<HashMap<Origin, Vec<Instant>>>);

impl Rotations {
    /// Counts one more, if there may be.
    pub(super) fn may(&self, origin: &Origin) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = all.entry(origin.clone()).or_default();
        times.retain(|at| at.elapsed() < WITHIN);
        let may = times.len() < MOST;
        if may {
            times.push(Instant::now());
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_so_many_in_a_while_and_takes_none_from_others() {
        let (rotations, one, other) =
            (Rotations::default(), Origin::hubspot(1), Origin::hubspot(2));
        assert!((0..MOST).all(|_| rotations.may(&one)));
        assert!(!rotations.may(&one));
        assert!(rotations.may(&other));
    }
}
