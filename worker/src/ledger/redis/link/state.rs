//! What the connections tell of Redis: whether it is there, why not, and what time it is there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Within which Redis' time is answered, if it is to count: a clock that is ahead would never come back.
const PROMPT: Duration = Duration::from_millis(200);

/// What the tasks tell and everybody may ask.
#[derive(Debug)]
pub(super) struct State {
    pub(super) up: watch::Sender<bool>,
    /// Each time that Redis is back, or was found to have forgotten.
    pub(super) renewed: watch::Sender<()>,
    started: Instant,
    /// Why it is away, as it was last logged.
    told: Mutex<Option<String>>,
    /// Redis' clock at the start, ms since the Unix epoch, by what its `TIME` said; 0 until it has.
    then_ms: AtomicU64,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            up: watch::Sender::new(false),
            renewed: watch::Sender::new(()),
            told: Mutex::default(),
            started: Instant::now(),
            then_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn is_back(&self) {
        *self.told() = None;
        if !self.up.send_replace(true) {
            tracing::info!("redis connected");
        }
        self.renewed.send_replace(());
    }

    /// Logs each reason once: also at a start, where Redis never was there.
    pub(super) fn is_away(&self, error: &str) {
        self.up.send_replace(false);
        if self.is_news(error) {
            tracing::warn!(error, "redis is away: no event is processed until it is back");
        }
    }

    /// Whether this was not the last that was told.
    pub(super) fn is_news(&self, error: &str) -> bool {
        let mut told = self.told();
        let is_news = told.as_deref() != Some(error);
        *told = Some(error.to_owned());
        is_news
    }

    fn told(&self) -> MutexGuard<'_, Option<String>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Redis' clock, ms since the Unix epoch, once it is known. Ours is never taken for it: where it is ahead
    /// the next owner's fence would be smaller.
    pub(super) fn now_ms(&self) -> Option<u64> {
        let then_ms = self.then_ms.load(Ordering::Relaxed);
        (then_ms > 0).then(|| then_ms.saturating_add(self.ms_until(Instant::now())))
    }

    /// Redis' clock was asked then, and is (seconds, microseconds).
    pub(super) fn set_clock(&self, (seconds, micros): (u64, u64), asked: Instant) {
        if asked.elapsed() > PROMPT {
            // Who knows when it was said.
            return;
        }
        let now_ms = seconds.saturating_mul(1000).saturating_add(micros / 1000);
        // Never back, though another primary's clock may be behind: fences grow by it.
        self.then_ms.fetch_max(now_ms.saturating_sub(self.ms_until(asked)), Ordering::Relaxed);
    }

    /// Redis' clock has reached `now_ms`.
    pub(super) fn clock_is_past(&self, now_ms: u64) {
        let passed_ms = self.ms_until(Instant::now());
        self.then_ms.fetch_max(now_ms.saturating_sub(passed_ms), Ordering::Relaxed);
    }

    fn ms_until(&self, then: Instant) -> u64 {
        u64::try_from(then.duration_since(self.started).as_millis()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_redis_is_away_is_told_once_also_before_it_was_ever_there() {
        let state = State::new();
        assert!(state.is_news("a replica"));
        assert!(!state.is_news("a replica"));
        assert!(state.is_news("a cluster"));
        state.is_back();
        assert!(state.is_news("a cluster"));
    }

    #[test]
    fn the_clock_is_redis_own_once_it_was_asked() {
        let state = State::new();
        assert_eq!(state.now_ms(), None, "ours is no answer");
        let is_about = |now_ms: u64| {
            let passed_ms = state.now_ms().and_then(|found| found.checked_sub(now_ms));
            assert!(passed_ms.is_some_and(|passed_ms| passed_ms < 60_000), "{passed_ms:?}");
        };
        // Behind ours, as far as anybody knows.
        state.set_clock((1_000_000_000, 2_000), Instant::now());
        is_about(1_000_000_000_002);
        state.clock_is_past(1_000_000_100_000);
        is_about(1_000_000_100_000);
        // Never back in time.
        state.set_clock((900_000_000, 0), Instant::now());
        state.clock_is_past(900_000_000_000);
        is_about(1_000_000_100_000);
    }
}
