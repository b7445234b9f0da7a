//! Whether a route keeps the order of a record's events, and what becomes of those behind one that fails.

use std::time::Duration;

use toml::de::DeValue;

use super::section::Section;
use super::value::{choice, text};
use crate::order::Terms;

/// The keys beside `order`.
const HOLD: &str = "order_hold";
const AFTER: &str = "after_failure";

const DEFAULT_HOLD: Duration = Duration::from_secs(5 * 60);
const LONGEST_HOLD: Duration = Duration::from_secs(24 * 3600);

/// The terms, where there is an order.
pub(crate) fn read(section: &Section<'_>) -> Option<Terms> {
    let orders = [("none", false), ("object", true)];
    let is_kept = section.optional("order", |value| choice(value, &orders));
    let hold = section.optional(HOLD, of).unwrap_or(DEFAULT_HOLD);
    let after = [("go-on", false), ("take-along", true)];
    let after = section.optional(AFTER, |value| choice(value, &after));
    if is_kept == Some(true) {
        return Some(Terms { hold, takes_along: after.unwrap_or_default() });
    }
    // What is no order is told already.
    if is_kept.is_some() || !section.has("order") {
        for key in [HOLD, AFTER].into_iter().filter(|key| section.has(key)) {
            section.fault(key, "is for a route with order = \"object\": add that, or remove this");
        }
    }
    None
}

fn of(value: &DeValue<'_>) -> Result<Duration, String> {
    let hold = humantime::parse_duration(text(value)?).ok();
    let hold = hold.filter(|hold| (Duration::from_secs(1)..=LONGEST_HOLD).contains(hold));
    hold.ok_or_else(|| "must be a time from 1s to 24h, such as \"30s\" or \"5m\"".to_owned())
}
