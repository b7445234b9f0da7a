//! Which rejected requests are told of: of each reason some, and how many were not is said. Anybody can
//! send any number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many of one reason are told within [`WINDOW`].
const TOLD: u32 = 10;
const WINDOW: Duration = Duration::from_secs(10);

/// Which are told.
#[derive(Clone, Debug, Default)]
pub(super) struct Windows(Arc<Mutex<HashMap<&'static str, Window>>>);

#[derive(Debug)]
struct Window {
    since: Instant,
    told: u32,
    left_out: u64,
}

impl Windows {
    /// Whether one of this reason is told. What is not is summed up at the end of the window.
    pub(super) fn admit(&self, reason: &'static str) -> bool {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let window = windows.entry(reason).or_insert(Window { since: now, told: 0, left_out: 0 });
        if window.left_out == 0 && now - window.since >= WINDOW {
            (window.since, window.told) = (now, 0);
        }
        if window.told < TOLD {
            window.told += 1;
            return true;
        }
        window.left_out += 1;
        if window.left_out == 1 {
            let (this, end) = (self.clone(), window.since + WINDOW);
            tokio::spawn(async move {
                tokio::time::sleep_until(end).await;
                this.sum_up(reason);
            });
        }
        false
    }

    fn sum_up(&self, reason: &'static str) {
        let left_out = {
            let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            windows.remove(reason).map_or(0, |window| window.left_out)
        };
        tracing::warn!(
            reason,
            requests = left_out,
            window_s = WINDOW.as_secs(),
            "more requests rejected"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_reason_has_its_own_share_and_starts_anew_after_a_window() {
        let windows = Windows::default();
        let told = |reason| (0..100).filter(|_| windows.admit(reason)).count();
        assert_eq!(told("not_found"), 10);
        assert_eq!(told("signature_mismatch"), 10);
        assert_eq!(told("not_found"), 0);
        tokio::time::sleep(WINDOW + Duration::from_millis(1)).await;
        assert_eq!(told("not_found"), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_now_and_then_are_all_told() {
        let windows = Windows::default();
        for _ in 0..100 {
            assert!(windows.admit("signature_mismatch"));
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }
}
