//! Destinations to which nothing goes, by what is seen of their limits.

use std::collections::BTreeSet;

use crate::limits::{BreakerState, Seen};
use crate::service::Service;

/// A destination that is left alone for no longer than this, in ms, has enough for a moment. Where events are held
/// here the span is shorter.
const SHUT_MS: u64 = 30_000;
/// So many destinations that take nothing have a series each, and all others one: they are as many as tenants make
/// them.
const MOST_SHUT: usize = 100;
/// No destination is called so.
const OTHERS: &str = "(others)";

/// Their names, bounded.
pub(super) fn named(seen: &[Seen]) -> BTreeSet<String> {
    let mut names = all(seen);
    if names.len() > MOST_SHUT {
        names = names.into_iter().take(MOST_SHUT).collect();
        names.insert(OTHERS.to_owned());
    }
    names
}

/// How many there are.
pub(super) fn count(seen: &[Seen]) -> u64 {
    all(seen).len() as u64
}

/// Each is seen at two limits.
fn all(seen: &[Seen]) -> BTreeSet<String> {
    seen.iter().filter_map(shut).collect()
}

/// The destination that this limit is of, if nothing goes there.
fn shut(seen: &Seen) -> Option<String> {
    let (kind, name) = seen.limit.split_once('/')?;
    // A breaker that is half open may be one that nobody has anything for.
    let is_shut = seen.breaker == Some(BreakerState::Open) || seen.held_ms > SHUT_MS;
    (kind == Service::Destination.as_str() && is_shut).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Of, Sight};

    fn seen(of: Of, limit: &str, sight: Sight) -> Seen {
        Seen::new(of, limit, sight)
    }

    #[test]
    fn those_are_named_that_take_nothing_and_not_more_than_can_be_read() {
        let calls = |limit: &str, state| seen(Of::Calls, limit, [0, 200, 0, 7, 0, 0, 0, 0, state]);
        let held = |limit: &str, ms| seen(Of::Requests, limit, [0, 1, 1, 0, 0, 0, 0, ms, -1]);
        let mut all = vec![
            calls("destination/closed", 0),
            calls("destination/probed", 1),
            calls("destination/open", 2),
            calls("tenant/acme", 2),
            calls("erp", 2),
            held("destination/open", 900_000),
            held("destination/gone", 900_000),
            held("destination/busy", 30_000),
        ];
        assert_eq!(named(&all), ["gone", "open"].map(str::to_owned).into());
        assert_eq!(count(&all), 2);
        all.extend((0..1_000).map(|number| calls(&format!("destination/more-{number}"), 2)));
        let names = named(&all);
        assert!(names.len() == MOST_SHUT + 1 && names.contains(OTHERS), "{names:?}");
        assert_eq!(count(&all), 1_002);
    }
}
