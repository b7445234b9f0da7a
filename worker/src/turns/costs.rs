//! How many requests a run of a target takes at a limit, on average: so much later comes the next one
//! in line.
//!
//! A place once given stays as it is. So as long as too few runs were seen to tell, a few go ahead, and all
//! others wait for a moment until those have shown it: else a line that forms at the start would be as long
//! as the guess says.
//!
//! What was asked by runs that then found no room for the rest, and have to ask it all again, counts too, or
//! the line would stay too dense for what happens: each would find others' second tries in its place.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::limits::Limit;

/// The latest runs that a mean is about.
const LATEST: u32 = 50;
/// So many runs tell enough.
const ENOUGH: u32 = 10;
/// So many go ahead to tell it.
const AHEAD: u32 = 16;
/// And for so long others wait for them, once for each target.
const SOON: Duration = Duration::from_secs(1);
/// No run counts for more than so many times what it asked.
const MOST: f64 = 8.0;
/// Means that are kept; handlers are few.
const MANY: usize = 1000;

/// The means of one process.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    costs: Mutex<HashMap<(String, String), Cost>>,
    told: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    mean: f64,
    /// How many runs the mean is about.
    seen: u32,
    /// Requests for nothing since the last run that had room for all of its own.
    in_vain: f64,
    /// Runs that went ahead.
    ahead: u32,
    /// Since when others wait for them.
    waited_for: Option<Instant>,
    /// Nobody waits any more: they tell nothing.
    is_given_up: bool,
}

impl Costs {
    /// Requests of a run of `target` at `limit`; `unknown` if none was seen.
    pub(crate) fn usual(&self, target: &str, limit: &Limit, unknown: f64) -> f64 {
        let costs = self.lock();
        let cost = costs.get(&name(target, &limit.key)).filter(|cost| cost.seen > 0);
        cost.map_or(unknown, |cost| cost.mean)
    }

    /// The same for who comes to the line, once there is enough to tell by; not for longer than `patience`.
    pub(super) async fn settled(
        &self,
        target: &str,
        limit: &Limit,
        unknown: f64,
        patience: Duration,
    ) -> f64 {
        if is_route(target) {
            return unknown;
        }
        // So few would not be through before the others have waited enough.
        if limit.size.is_some_and(|size| size >= ENOUGH) {
            let name = name(target, &limit.key);
            let telling = async {
                loop {
                    let told = self.told.notified();
                    let Some(left) = self.left(&name) else { return };
                    if timeout(left, told).await.is_err() {
                        self.given_up(&name);
                    }
                }
            };
            let _ = timeout(patience, telling).await;
        }
        self.usual(target, limit, unknown)
    }

    /// For how long whoever comes is to wait yet; `None` if not at all.
    fn left(&self, name: &(String, String)) -> Option<Duration> {
        let mut costs = self.lock();
        if costs.len() >= MANY && !costs.contains_key(name) {
            return None;
        }
        let cost = costs.entry(name.clone()).or_default();
        if cost.seen >= ENOUGH || cost.is_given_up {
            return None;
        }
        cost.ahead = cost.ahead.saturating_add(1);
        if cost.ahead <= AHEAD {
            return None;
        }
        let since = *cost.waited_for.get_or_insert_with(Instant::now);
        Some(SOON.saturating_sub(since.elapsed()))
    }

    fn given_up(&self, name: &(String, String)) {
        if let Some(cost) = self.lock().get_mut(name) {
            cost.is_given_up = true;
        }
        self.told.notify_waiters();
    }

    /// A run has made so many, and had room for all of them.
    pub(super) fn learn(&self, target: &str, key: &str, requests: u32) {
        let has_enough = self.change(target, key, requests, |cost| {
            let requests = f64::from(requests);
            let latest = (requests + cost.in_vain).min(requests * MOST);
            cost.seen = (cost.seen + 1).min(LATEST);
            cost.mean += (latest - cost.mean) / f64::from(cost.seen);
            cost.in_vain = 0.0;
            cost.seen == ENOUGH
        });
        if has_enough == Some(true) {
            self.told.notify_waiters();
        }
    }

    /// A run has made so many, found no room for another, and will make them again.
    pub(super) fn in_vain(&self, target: &str, key: &str, requests: u32) {
        let _ = self.change(target, key, requests, |cost| cost.in_vain += f64::from(requests));
    }

    fn change<T>(
        &self,
        target: &str,
        key: &str,
        requests: u32,
        change: impl FnOnce(&mut Cost) -> T,
    ) -> Option<T> {
        if requests == 0 || is_route(target) {
            return None;
        }
        let name = name(target, key);
        let mut costs = self.lock();
        let has_room = costs.len() < MANY || costs.contains_key(&name);
        has_room.then(|| change(costs.entry(name).or_default()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Cost>> {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of routes there may be thousands, and what each asks for is known.
fn is_route(target: &str) -> bool {
    target.contains('/')
}

/// Of whose portal makes no difference.
fn name(target: &str, key: &str) -> (String, String) {
    let service = key.split('/').next().unwrap_or_default();
    (target.to_owned(), service.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_mean_follows_what_is_seen_for_all_portals() {
        let costs = Costs::default();
        let limit =
            |portal| Limit::of(100, Duration::from_secs(10), format_args!("hubspot/{portal}"));
        assert!((costs.usual("on_deal_closed", &limit(1), 3.0) - 3.0).abs() < f64::EPSILON);
        costs.learn("on_deal_closed", "hubspot/1", 5);
        assert!((costs.usual("on_deal_closed", &limit(2), 3.0) - 5.0).abs() < f64::EPSILON);
        for _ in 0..400 {
            costs.learn("on_deal_closed", "hubspot/3", 2);
        }
        assert!((costs.usual("on_deal_closed", &limit(1), 3.0) - 2.0).abs() < 0.01);
        assert!((costs.usual("other", &limit(1), 3.0) - 3.0).abs() < f64::EPSILON);
    }

    /// Every second run needs three requests instead of two, and finds room for two at first.
    #[test]
    fn what_was_asked_in_vain_makes_the_line_longer_until_nothing_is() {
        let costs = Costs::default();
        let limit = Limit::of(100, Duration::from_secs(10), "hubspot/1");
        let usual = || costs.usual("on_deal_closed", &limit, 0.0);
        for _ in 0..100 {
            costs.learn("on_deal_closed", "hubspot/1", 2);
            costs.in_vain("on_deal_closed", "hubspot/1", 2);
            costs.learn("on_deal_closed", "hubspot/1", 3);
        }
        assert!((3.3..3.7).contains(&usual()), "{}", usual());
        for _ in 0..100 {
            costs.learn("on_deal_closed", "hubspot/1", 2);
            costs.learn("on_deal_closed", "hubspot/1", 3);
        }
        assert!((2.4..2.6).contains(&usual()), "{}", usual());
        for _ in 0..100 {
            costs.in_vain("on_deal_closed", "hubspot/1", 2);
        }
        costs.learn("on_deal_closed", "hubspot/1", 3);
        assert!(usual() < 5.0, "one after a long time without room: {}", usual());
    }

    /// Whoever comes before anything is known waits until a few have shown it.
    #[tokio::test(start_paused = true)]
    async fn a_line_that_forms_at_the_start_is_as_long_as_the_first_runs_say() {
        let costs = Costs::default();
        let limit = Limit::of(100, Duration::from_secs(10), "hubspot/1");
        let ask = || costs.settled("on_deal_closed", &limit, 3.0, SOON);
        for _ in 0..AHEAD {
            assert!((ask().await - 3.0).abs() < f64::EPSILON);
        }
        let told = async {
            tokio::task::yield_now().await;
            for run in 0..ENOUGH {
                costs.learn("on_deal_closed", "hubspot/1", 2 + run % 2);
            }
        };
        let begun = Instant::now();
        let (asked, ()) = tokio::join!(ask(), told);
        assert!((asked - 2.5).abs() < 0.01, "{asked}");
        assert!((ask().await - 2.5).abs() < 0.01);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn runs_that_tell_nothing_are_waited_for_once() {
        let costs = Costs::default();
        let limit = Limit::of(100, Duration::from_secs(10), "hubspot/1");
        let ask = || costs.settled("on_deal_closed", &limit, 3.0, Duration::from_secs(60));
        for _ in 0..AHEAD {
            ask().await;
        }
        let begun = Instant::now();
        // Where so few go through they would be waited for in vain.
        let paced = Limit::of(1, Duration::from_secs(1), "slack/#sales-wins");
        for _ in 0..2 * AHEAD {
            costs.settled("on_deal_closed", &paced, 1.0, Duration::from_secs(60)).await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let later = async {
            tokio::time::sleep(SOON * 9 / 10).await;
            ask().await
        };
        let hasty = costs.settled("on_deal_closed", &limit, 3.0, Duration::from_millis(1));
        let (waited, hasty, late) = tokio::join!(ask(), hasty, later);
        for asked in [waited, hasty, late] {
            assert!((asked - 3.0).abs() < f64::EPSILON);
        }
        assert_eq!(begun.elapsed(), SOON, "all of them together");
        ask().await;
        assert_eq!(begun.elapsed(), SOON);
    }
}
