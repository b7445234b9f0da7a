//! A run's time: how much of it is left, and what must come to its end once it is up.
//!
//! Owns the rule that nothing begins then. How long is waited for the end of what has begun is the
//! executor's to say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

tokio::task_local! {
    /// There within what is seen through: what that begins is part of it.
    static SEEN_THROUGH: ();
}

/// How long one run may go on.
#[derive(Debug)]
pub(crate) struct Time {
    until: Instant,
    up: AtomicBool,
    under_way: AtomicUsize,
    /// Nothing is under way any more.
    ended: Notify,
}

impl Time {
    /// Of a run that begins now and may go on for so long.
    pub(crate) fn of(limit: Duration) -> Self {
        let (up, under_way) = (AtomicBool::new(false), AtomicUsize::new(0));
        Self { until: Instant::now() + limit, up, under_way, ended: Notify::new() }
    }

    pub(super) fn left(&self) -> Duration {
        if self.up.load(Ordering::SeqCst) {
            return Duration::ZERO;
        }
        self.until.saturating_duration_since(Instant::now())
    }

    /// From now on nothing begins.
    pub(crate) fn is_up(&self) {
        self.up.store(true, Ordering::SeqCst);
    }

    /// Waits until nothing is under way.
    pub(crate) async fn idle(&self) {
        loop {
            // Listens from here on: what ends between the look and the wait is heard of.
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    fn one_ended(&self) {
        if self.under_way.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.ended.notify_waiters();
        }
    }

    /// Does `work`, which is under way until it has ended.
    pub(super) async fn see_through<T>(&self, work: impl Future<Output = T>) -> T {
        let _under_way = self.begin().await;
        SEEN_THROUGH.scope((), work).await
    }

    /// Something that another task does for the run is under way, until this is dropped; `None` if the time
    /// is up.
    pub(crate) fn elsewhere(self: &Arc<Self>) -> Option<Elsewhere> {
        // First it counts, and then it looks: whoever ends the time does it the other way round.
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let elsewhere = Elsewhere(Arc::clone(self));
        (!self.up.load(Ordering::SeqCst)).then_some(elsewhere)
    }

    /// Waits for ever if the time is up.
    async fn begin(&self) -> UnderWay<'_> {
        let is_part = SEEN_THROUGH.try_with(|()| ()).is_ok();
        if self.up.load(Ordering::SeqCst) && !is_part {
            std::future::pending::<()>().await;
        }
        UnderWay::new(self)
    }
}

/// Under way in another task.
#[derive(Debug)]
pub(crate) struct Elsewhere(Arc<Time>);

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.0.one_ended();
    }
}

struct UnderWay<'a>(&'a Time);

impl<'a> UnderWay<'a> {
    fn new(time: &'a Time) -> Self {
        time.under_way.fetch_add(1, Ordering::SeqCst);
        Self(time)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.one_ended();
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
        let mut idle = Box::pin(time.idle());
        assert!(idle.as_mut().now_or_never().is_none(), "what is under way was forgotten");
        let inner = SEEN_THROUGH.scope((), time.begin()).now_or_never();
        assert!(inner.is_some(), "a part was held up");
        drop((inner, outer));
        assert!(idle.now_or_never().is_some(), "not told of the end");
        assert!(time.idle().now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_another_task_does_for_it_is_waited_for_and_does_not_begin_too_late() {
        let time = Arc::new(Time::of(Duration::from_secs(60)));
        let elsewhere = time.elsewhere();
        assert!(elsewhere.is_some());
        time.is_up();
        let mut idle = Box::pin(time.idle());
        assert!(idle.as_mut().now_or_never().is_none(), "what is under way was forgotten");
        assert!(time.elsewhere().is_none(), "begun after its time");
        assert!(idle.as_mut().now_or_never().is_none());
        drop(elsewhere);
        assert!(idle.now_or_never().is_some(), "not told of the end");
    }
}
