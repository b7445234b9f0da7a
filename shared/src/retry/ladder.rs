//! The delays that there are queues for: those of the schedule, and what lies between them, so that
//! a long wait needs few stays whatever the schedule is.

use std::time::Duration;

/// A queue's delay is at most so many times the next shorter one.
const STEP: u64 = 5;
/// There is always a queue that is at least so long.
const TOP_MS: u64 = 6 * 3600 * 1000;

/// Delays in ms, ascending, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder(pub(super) Vec<u64>);

impl Ladder {
    /// Those of `own`, in ms, ascending, at least one, and what is missing among them.
    pub(super) fn of(mut own: Vec<u64>) -> Self {
        own.push(TOP_MS.max(own[own.len() - 1]));
        own.dedup();
        let mut delays = Vec::new();
        for delay in own {
            while let Some(below) = delays.last().filter(|below| *below * STEP < delay) {
                delays.push(below * STEP);
            }
            delays.push(delay);
        }
        Self(delays)
    }

    /// Every delay, ascending: one queue each.
    pub fn delays(&self) -> impl Iterator<Item = Duration> {
        self.0.iter().copied().map(Duration::from_millis)
    }

    /// When a message is back at the latest that is sent to wait for `wait`, as far as that is up to
    /// the queues: a tenth and one shortest delay later.
    #[must_use]
    pub fn at_most(&self, wait: Duration) -> Duration {
        wait.saturating_add(wait / 10).saturating_add(Duration::from_millis(self.0[0]))
    }
}

#[cfg(test)]
mod tests;
