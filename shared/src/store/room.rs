//! How much may wait for the writer. Who is turned away, and what they are told, is the store's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room for errands that wait, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Room {
    taken: Arc<AtomicUsize>,
    size: usize,
}

/// Some of it, given back when dropped.
#[derive(Debug)]
pub(super) struct Space {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Room {
    pub(super) fn new(size: usize) -> Self {
        Self { taken: Arc::default(), size }
    }

    /// `None` if there is not so much left. What is larger than all of it has room alone.
    pub(super) fn take(&self, bytes: usize) -> Option<Space> {
        let before = self.taken.fetch_add(bytes, Ordering::Relaxed);
        // Given back at once if it is too much.
        let space = Space { taken: Arc::clone(&self.taken), bytes };
        (before == 0 || before.saturating_add(bytes) <= self.size).then_some(space)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again_and_the_largest_has_room_alone() {
        let room = Room::new(100);
        let first = room.take(60).unwrap();
        assert!(room.take(41).is_none());
        let second = room.take(40).unwrap();
        assert!(room.take(1).is_none());
        drop((first, second));
        let larger = room.take(1000).unwrap();
        assert!(room.take(1).is_none());
        drop(larger);
        assert!(room.take(100).is_some());
    }
}
