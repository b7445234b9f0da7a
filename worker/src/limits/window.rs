//! When things happened, as far back as a limit reaches.

use std::collections::VecDeque;

/// Times in ms, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Window(VecDeque<i64>);

impl Window {
    /// So many more, now.
    pub(super) fn add(&mut self, count: u32, now_ms: i64) {
        self.0.extend((0..count).map(|_| now_ms));
    }

    /// What was until then is over.
    pub(super) fn forget(&mut self, until_ms: i64) {
        while self.0.front().is_some_and(|at_ms| *at_ms <= until_ms) {
            self.0.pop_front();
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// How many were after that.
    pub(super) fn since(&self, after_ms: i64) -> usize {
        self.0.iter().filter(|at_ms| **at_ms > after_ms).count()
    }

    /// The latest.
    pub(super) fn last_ms(&self) -> Option<i64> {
        self.0.back().copied()
    }

    /// How long until fewer than `cap` are within `window_ms`.
    pub(super) fn until_room_ms(&self, cap: u32, window_ms: i64, now_ms: i64) -> i64 {
        let too_many = (self.0.len() + 1).saturating_sub(cap as usize);
        // The last of those that have to be over.
        match too_many.checked_sub(1).map(|last| self.0.get(last)) {
            None => 0,
            Some(Some(at_ms)) => (at_ms + window_ms - now_ms).max(1),
            Some(None) => window_ms,
        }
    }
}
