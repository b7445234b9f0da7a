//! What a portal takes, as HubSpot's answers say it. The setting caps it: what others do with the same
//! portal is theirs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::limits::Limit;

/// The setting is for so long (HubSpot's usage guidelines: a burst is counted over ten seconds).
const SETTING: Duration = Duration::from_secs(10);
/// A window is a little longer here, since what is sent later can arrive earlier.
const LONGER: f64 = 1.02;
/// Portals that are remembered.
const MANY: usize = 10_000;

/// What was said last, by the limit's key. Each worker learns it anew.
#[derive(Debug, Default)]
pub(super) struct Learned(Mutex<HashMap<String, (u32, Duration)>>);

impl Learned {
    /// The limit with this key, where the setting allows `budget` requests in ten seconds.
    pub(super) fn limit(&self, key: &str, budget: u32) -> Limit {
        let learned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((max, interval)) = learned.get(key).copied() else {
            return Limit::of(budget, SETTING.mul_f64(LONGER), key);
        };
        let share = u128::from(budget) * interval.as_millis() / SETTING.as_millis();
        let share = u32::try_from(share).unwrap_or(u32::MAX).max(1);
        Limit::of(max.min(share), interval.mul_f64(LONGER), key)
    }

    /// HubSpot takes so many requests in so long.
    pub(super) fn note(&self, key: &str, burst: Option<(u32, Duration)>) {
        let Some(burst) = burst else { return };
        let mut learned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if learned.len() < MANY || learned.contains_key(key) {
            learned.insert(key.to_owned(), burst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_what_hubspot_says_and_no_more_than_the_setting() {
        let (learned, key) = (Learned::default(), "hubspot/1");
        let size = |budget| {
            let limit = learned.limit(key, budget);
            (limit.size, limit.window.as_millis())
        };
        assert_eq!(size(100), (Some(100), 10_200));
        for (max, interval_ms, budget, expected) in [
            (80, 10_000, 100, (Some(80), 10_200)),
            (190, 10_000, 100, (Some(100), 10_200)),
            (5, 1_000, 100, (Some(5), 1_020)),
            (19, 1_000, 100, (Some(10), 1_020)),
            (19, 1_000, 3, (Some(1), 1_020)),
        ] {
            learned.note(key, Some((max, Duration::from_millis(interval_ms))));
            learned.note(key, None);
            assert_eq!(size(budget), expected, "{max} in {interval_ms}, {budget} in ten seconds");
        }
        assert_eq!(learned.limit("hubspot/2", 100).size, Some(100));
    }
}
