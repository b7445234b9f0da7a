//! Time that never runs backwards, neither while the process runs nor from one to the next:
//! with the machine's clock set back, what is due would stop being so and a lease would last
//! for hours. Written down once a second, so that after a restart it may be behind by as much.

use std::time::Instant;

use crate::clock::now_ms;

/// Milliseconds since the Unix epoch, as far as the machine's clock was right at the start.
#[derive(Debug)]
pub(super) struct Clock {
    base_ms: i64,
    started: Instant,
}

impl Clock {
    /// Goes on from `high_ms`, the latest time ever written, if the machine is behind it.
    pub(super) fn after(high_ms: i64) -> Self {
        Self { base_ms: now_ms().max(high_ms), started: Instant::now() }
    }

    pub(super) fn now_ms(&self) -> i64 {
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.base_ms.saturating_add(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_goes_on_from_the_latest_time_known() {
        let ahead = now_ms() + 3_600_000;
        assert!(Clock::after(ahead).now_ms() >= ahead);
        assert!(Clock::after(0).now_ms() < ahead);
    }
}
