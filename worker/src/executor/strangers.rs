//! Origins whose events came although they are no tenant's: each is told of once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use shared::origin::Origin;

/// So many are told of. Those that come then are counted like all others.
const MOST: usize = 1000;

/// Those of this process.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<HashSet<Origin>>);

impl Strangers {
    /// Says that there is one, the first time.
    pub(super) fn tell(&self, origin: &Origin) {
        if self.is_new(origin) {
            tracing::warn!(%origin, "events of an origin that is no tenant's");
        }
    }

    fn is_new(&self, origin: &Origin) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.len() < MOST && known.insert(origin.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_of_once_and_there_is_an_end() {
        let strangers = Strangers::default();
        let seven = Origin::hubspot(7);
        assert_eq!([strangers.is_new(&seven), strangers.is_new(&seven)], [true, false]);
        let told = (100..3000).filter(|id| strangers.is_new(&Origin::hubspot(*id))).count();
        assert_eq!(told, MOST - 1);
    }
}
