//! A small memory of stages' labels per portal: stages are renamed rarely, and each look-up costs a
//! request of the portal's budget.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long labels are believed.
const KEPT: Duration = Duration::from_mins(10);

/// Portals whose labels are kept.
const MAX_PORTALS: usize = 1000;

pub(super) type ByStage = Arc<HashMap<String, String>>;

/// Labels by portal and stage, with the time they were read.
#[derive(Debug, Default)]
pub(super) struct Labels(Mutex<HashMap<u64, (Instant, ByStage)>>);

impl Labels {
    pub(super) fn get(&self, portal_id: u64, now: Instant) -> Option<ByStage> {
        let portals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, labels) = portals.get(&portal_id)?;
        (now.duration_since(*read) < KEPT).then(|| Arc::clone(labels))
    }

    pub(super) fn keep(&self, portal_id: u64, labels: &ByStage, now: Instant) {
        let mut portals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if portals.len() >= MAX_PORTALS {
            portals.retain(|_, (read, _)| now.duration_since(*read) < KEPT);
        }
        if portals.len() < MAX_PORTALS || portals.contains_key(&portal_id) {
            portals.insert(portal_id, (now, Arc::clone(labels)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn labels_are_kept_for_a_while_per_portal() {
        let (labels, now) = (Labels::default(), Instant::now());
        labels.keep(1, &Arc::default(), now);
        assert!(labels.get(1, now + KEPT / 2).is_some());
        assert!(labels.get(1, now + KEPT).is_none());
        assert!(labels.get(2, now).is_none());
    }

    #[test]
    fn the_memory_is_bounded_and_makes_room_for_the_new() {
        let (labels, now) = (Labels::default(), Instant::now());
        for portal_id in 0..2000 {
            labels.keep(portal_id, &Arc::default(), now);
        }
        assert!(labels.get(5000, now).is_none() && labels.get(1999, now).is_none());
        assert_eq!(labels.0.lock().unwrap().len(), MAX_PORTALS);
        labels.keep(5000, &Arc::default(), now + KEPT);
        assert!(labels.get(5000, now + KEPT).is_some());
    }
}
