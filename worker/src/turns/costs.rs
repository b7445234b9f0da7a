//! How many requests a run of a target makes at a limit, on average: so much later comes the next one
//! in line.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::limits::Limit;

/// How much of a mean the latest run is.
const LATEST: f64 = 0.1;
/// Means that are kept; handlers are few.
const MANY: usize = 1000;

/// The means of one process.
#[derive(Debug, Default)]
pub(crate) struct Costs(Mutex<HashMap<(String, String), f64>>);

impl Costs {
    /// Requests of a run of `target` at `limit`; `unknown` if none was seen.
    pub(crate) fn usual(&self, target: &str, limit: &Limit, unknown: f64) -> f64 {
        let means = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        means.get(&name(target, &limit.key)).copied().unwrap_or(unknown)
    }

    /// A run has made so many.
    pub(super) fn learn(&self, target: &str, key: &str, requests: u32) {
        if requests == 0 {
            return;
        }
        let (name, latest) = (name(target, key), f64::from(requests));
        let mut means = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if means.len() < MANY || means.contains_key(&name) {
            let mean = means.entry(name).or_insert(latest);
            *mean += (latest - *mean) * LATEST;
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
}
