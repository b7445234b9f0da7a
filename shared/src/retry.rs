//! The retry schedule and the delays between reconnects; the only user of `backoff`.
//!
//! The schedule is also the broker's topology: each step of its [`Ladder`] is a queue of its own,
//! so that a short delay never waits behind a long one.

use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

mod hop;
mod ladder;

pub use hop::Hop;
pub use ladder::Ladder;

/// How often an event is tried and how long it waits in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    /// Wait after the first, second, … failed attempt; never empty, never falling.
    delays: Vec<Duration>,
    attempts: u32,
}

/// RabbitMQ takes no TTL over 2^32 - 1 ms, some 49 days.
const LONGEST_MS: u64 = 30 * 24 * 3600 * 1000;

/// Why a schedule was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ScheduleError {
    /// Fewer than one attempt.
    #[error("RETRY_ATTEMPTS must be at least 1")]
    NoAttempts,
    /// Queues would be without number.
    #[error("RETRY_ATTEMPTS must be at most 100")]
    TooManyAttempts,
    /// A delay under a millisecond cannot be told to the broker.
    #[error("RETRY_INITIAL must be at least 1ms")]
    InitialTooShort,
    /// The cap is under the first delay.
    #[error("RETRY_MAX must not be shorter than RETRY_INITIAL")]
    MaxUnderInitial,
    /// Brokers count TTLs in 32 bits of milliseconds.
    #[error("RETRY_MAX must be at most 30 days")]
    MaxTooLong,
    /// Delays must not shrink.
    #[error("RETRY_MULTIPLIER must be a number from 1 to 1000")]
    Multiplier,
}

impl RetrySchedule {
    /// A schedule of `attempts` tries, waiting `initial`, then `multiplier` times longer each
    /// time, never longer than `max`.
    pub fn new(
        initial: Duration,
        multiplier: f64,
        max: Duration,
        attempts: u32,
    ) -> Result<Self, ScheduleError> {
        match attempts {
            0 => return Err(ScheduleError::NoAttempts),
            1..=100 => {}
            _ => return Err(ScheduleError::TooManyAttempts),
        }
        if initial < Duration::from_millis(1) {
            return Err(ScheduleError::InitialTooShort);
        }
        if max < initial {
            return Err(ScheduleError::MaxUnderInitial);
        }
        if max > Duration::from_millis(LONGEST_MS) {
            return Err(ScheduleError::MaxTooLong);
        }
        if !(1.0..=1000.0).contains(&multiplier) {
            return Err(ScheduleError::Multiplier);
        }
        let mut generator = generator(initial, multiplier, max, 0.0);
        // At least one delay, also with a single attempt: what is deferred needs a queue.
        let count = attempts.saturating_sub(1).max(1);
        let delays =
            (0..count).map(|_| whole_millis(generator.next_backoff().unwrap_or(max))).collect();
        Ok(Self { delays, attempts })
    }

    /// How often an event is tried before it is given up.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The wait after the `failed`-th failed attempt (1 for the first).
    #[must_use]
    pub fn after(&self, failed: u32) -> Duration {
        let index = (failed.max(1) as usize - 1).min(self.delays.len() - 1);
        self.delays[index]
    }

    /// The shortest delay there is.
    #[must_use]
    pub fn shortest(&self) -> Duration {
        self.delays[0]
    }

    /// The delays that there are queues for.
    #[must_use]
    pub fn ladder(&self) -> Ladder {
        Ladder::of(self.distinct())
    }

    /// Every distinct delay in ms, ascending.
    fn distinct(&self) -> Vec<u64> {
        let mut delays: Vec<u64> = self.delays.iter().map(|delay| millis(*delay)).collect();
        delays.dedup();
        delays
    }

    /// The longest time from the first attempt to the last.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.delays.iter().sum()
    }
}

/// How long one message waits where the schedule says `delay`: spread over the upper eleventh of it,
/// so that what failed together does not come back together. All of that is one [`Hop`]; less would
/// be several, at every retry.
#[must_use]
pub fn jittered(delay: Duration) -> Duration {
    let low = Duration::from_millis(hop::shortest_stay(millis(delay))).min(delay);
    whole_millis(low + delay.saturating_sub(low).mul_f64(rand::random::<f64>()))
}

/// A delay as it stands in queue names and metric labels: `5s`, `2m5s`, `4h20m25s`.
#[must_use]
pub fn delay_name(delay: Duration) -> String {
    humantime::format_duration(delay).to_string().replace(' ', "")
}

/// Waits between attempts to reach a server: 100 ms at first, 10 s at most, with jitter,
/// without end.
#[derive(Debug)]
pub struct Reconnect(ExponentialBackoff);

impl Default for Reconnect {
    fn default() -> Self {
        Self(generator(Duration::from_millis(100), 2.0, Duration::from_secs(10), 0.5))
    }
}

impl Reconnect {
    /// The wait before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(Duration::from_secs(10))
    }

    /// Starts over, after a success.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

fn generator(initial: Duration, multiplier: f64, max: Duration, jitter: f64) -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(initial)
        .with_multiplier(multiplier)
        .with_max_interval(max)
        .with_randomization_factor(jitter)
        .with_max_elapsed_time(None)
        .build()
}

/// Brokers count whole milliseconds.
fn whole_millis(duration: Duration) -> Duration {
    Duration::from_millis(millis(duration))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn seconds(schedule: &RetrySchedule) -> Vec<u64> {
        schedule.delays.iter().map(Duration::as_secs).collect()
    }

    fn default_schedule() -> RetrySchedule {
        RetrySchedule::new(Duration::from_secs(1), 5.0, Duration::from_secs(6 * 3600), 10).unwrap()
    }

    #[test]
    fn the_default_schedule_is_the_documented_one() {
        let schedule = default_schedule();
        assert_eq!(seconds(&schedule), [1, 5, 25, 125, 625, 3125, 15625, 21600, 21600]);
        assert_eq!(schedule.after(1), Duration::from_secs(1));
        assert_eq!(schedule.after(9), schedule.after(500));
        assert_eq!(schedule.distinct().len(), 8);
    }

    #[test]
    fn jitter_stays_in_the_upper_tenth() {
        for delay in [1, 3, 50, 25_000, 21_600_000].map(Duration::from_millis) {
            for _ in 0..200 {
                let waited = jittered(delay);
                assert!(waited >= delay.mul_f64(0.9) && waited <= delay, "{waited:?}");
            }
        }
        let day = Duration::from_secs(86_400);
        let spread: std::collections::BTreeSet<Duration> = (0..50).map(|_| jittered(day)).collect();
        assert!(spread.len() > 10, "{spread:?}");
    }

    #[test]
    fn names_have_no_spaces() {
        assert_eq!(delay_name(Duration::from_secs(125)), "2m5s");
        assert_eq!(delay_name(Duration::from_secs(21_600)), "6h");
        assert_eq!(delay_name(Duration::from_millis(200)), "200ms");
    }

    #[test]
    fn impossible_schedules_are_refused() {
        let second = Duration::from_secs(1);
        assert_eq!(RetrySchedule::new(second, 5.0, second, 0), Err(ScheduleError::NoAttempts));
        assert_eq!(RetrySchedule::new(second, 0.5, second, 3), Err(ScheduleError::Multiplier));
        assert_eq!(RetrySchedule::new(second, f64::NAN, second, 3), Err(ScheduleError::Multiplier));
        assert_eq!(
            RetrySchedule::new(second, 2.0, Duration::ZERO, 3),
            Err(ScheduleError::MaxUnderInitial)
        );
        assert_eq!(
            RetrySchedule::new(Duration::ZERO, 2.0, second, 3),
            Err(ScheduleError::InitialTooShort)
        );
    }

    #[test]
    fn reconnects_wait_longer_each_time_but_never_for_ever() {
        let mut reconnect = Reconnect::default();
        let delays: Vec<Duration> = (0..50).map(|_| reconnect.next_delay()).collect();
        assert!(delays[0] <= Duration::from_millis(150));
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(15)));
        assert!(delays[49] >= Duration::from_secs(5));
        reconnect.reset();
        assert!(reconnect.next_delay() <= Duration::from_millis(150));
    }
}
