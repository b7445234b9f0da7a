//! How many codes are tried: whoever makes them up must not spend what HubSpot takes from us.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Codes of one window.
const MOST: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);

/// The window that is now, and how many there were in it.
#[derive(Debug, Default)]
pub(super) struct Rate(Mutex<Option<(Instant, u32)>>);

impl Rate {
    /// Whether there is room for one more.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (begun, count) = match *window {
            Some((begun, count)) if now.duration_since(begun) < WINDOW => (begun, count),
            _ => (now, 0),
        };
        let is_room = count < MOST;
        *window = Some((begun, count + u32::from(is_room)));
        is_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_in_each_window() {
        let (rate, now) = (Rate::default(), Instant::now());
        assert_eq!((0..100).filter(|_| rate.admits(now)).count(), 60);
        assert!(!rate.admits(now + WINDOW / 2));
        assert!(rate.admits(now + WINDOW));
    }
}
