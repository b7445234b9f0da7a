//! A run's time: how much of it is left, and what must come to its end once it is up.
//!
//! Owns the rule that nothing begins then. How long is waited for the end of what has begun is the
//! executor's to say.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

tokio::task_local! {
    /// There within what is seen through: what that begins is part of it.
    static SEEN_THROUGH: ();
}

/// How long one run may go on.
#[derive(Debug)]
pub(crate) struct Time {
    until: Instant,
    up: CancellationToken,
    under_way: watch::Sender<usize>,
}

impl Time {
    /// Of a run that begins now and may go on for so long.
    pub(crate) fn of(limit: Duration) -> Self {
        let until = Instant::now() + limit;
        Self { until, up: CancellationToken::new(), under_way: watch::Sender::new(0) }
    }

    pub(super) fn left(&self) -> Duration {
        if self.up.is_cancelled() {
            return Duration::ZERO;
        }
        self.until.saturating_duration_since(Instant::now())
    }

    /// From now on nothing begins.
    pub(crate) fn is_up(&self) {
        self.up.cancel();
    }

    /// Waits until nothing is under way.
    pub(crate) async fn idle(&self) {
        let mut under_way = self.under_way.subscribe();
        // The sender is here: it cannot have gone.
        let _ = under_way.wait_for(|count| *count == 0).await;
    }

    /// Does `work`, which is under way until it has ended.
    pub(super) async fn see_through<T>(&self, work: impl Future<Output = T>) -> T {
        let _under_way = self.begin().await;
        SEEN_THROUGH.scope((), work).await
    }

    /// Waits for ever if the time is up.
    async fn begin(&self) -> UnderWay<'_> {
        let is_part = SEEN_THROUGH.try_with(|()| ()).is_ok();
        if self.up.is_cancelled() && !is_part {
            std::future::pending::<()>().await;
        }
        UnderWay::new(&self.under_way)
    }
}

struct UnderWay<'a>(&'a watch::Sender<usize>);

impl<'a> UnderWay<'a> {
    fn new(under_way: &'a watch::Sender<usize>) -> Self {
        under_way.send_modify(|count| *count += 1);
        Self(under_way)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn nothing_begins_once_the_time_is_up_but_what_is_part_of_what_has_begun() {
        let time = Time::of(Duration::from_secs(60));
        assert!(time.left() > Duration::from_secs(50));
        let outer = time.begin().await;
        time.is_up();
        assert_eq!(time.left(), Duration::ZERO);
        assert!(time.begin().now_or_never().is_none(), "begun after its time");
        assert!(time.idle().now_or_never().is_none(), "what is under way was forgotten");
        let inner = SEEN_THROUGH.scope((), time.begin()).now_or_never();
        assert!(inner.is_some(), "a part was held up");
        drop((inner, outer));
        assert!(time.idle().now_or_never().is_some());
    }
}
