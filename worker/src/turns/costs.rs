//! How many requests a run of a target takes at a limit, on average: so much later comes the next one
//! in line.
//!
//! What was asked by runs that then found no room for the rest, and have to ask it all again, counts too, or
//! the line would stay too dense for what happens: each would find others' second tries in its place.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::limits::Limit;

/// How much of a mean the latest run is.
const LATEST: f64 = 0.1;
/// No run counts for more than so many times what it asked.
const MOST: f64 = 8.0;
/// Means that are kept; handlers are few.
const MANY: usize = 1000;

/// The means of one process.
#[derive(Debug, Default)]
pub(crate) struct Costs(Mutex<HashMap<(String, String), Cost>>);

#[derive(Clone, Copy, Debug)]
struct Cost {
    mean: f64,
    /// Requests for nothing since the last run that had room for all of its own.
    in_vain: f64,
}

impl Costs {
    /// Requests of a run of `target` at `limit`; `unknown` if none was seen.
    pub(crate) fn usual(&self, target: &str, limit: &Limit, unknown: f64) -> f64 {
        let means = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        means.get(&name(target, &limit.key)).map_or(unknown, |cost| cost.mean)
    }

    /// A run has made so many, and had room for all of them.
    pub(super) fn learn(&self, target: &str, key: &str, requests: u32) {
        self.change(target, key, requests, |cost| {
            let requests = f64::from(requests);
            let latest = (requests + cost.in_vain).min(requests * MOST);
            cost.mean += (latest - cost.mean) * LATEST;
            cost.in_vain = 0.0;
        });
    }

    /// A run has made so many, found no room for another, and will make them again.
    pub(super) fn in_vain(&self, target: &str, key: &str, requests: u32) {
        self.change(target, key, requests, |cost| cost.in_vain += f64::from(requests));
    }

    fn change(&self, target: &str, key: &str, requests: u32, change: impl FnOnce(&mut Cost)) {
        if requests == 0 {
            return;
        }
        let name = name(target, key);
        let mut costs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if costs.len() < MANY || costs.contains_key(&name) {
            let first = Cost { mean: requests.into(), in_vain: 0.0 };
            change(costs.entry(name).or_insert(first));
        }
    }
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
        for _ in 0..100 {
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
}
