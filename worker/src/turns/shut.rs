//! Destinations to which nothing goes, by what is seen of their limits, and by what they have said.

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
pub(super) fn named(mut names: BTreeSet<String>) -> BTreeSet<String> {
    if names.len() > MOST_SHUT {
        names = names.into_iter().take(MOST_SHUT).collect();
        names.insert(OTHERS.to_owned());
    }
    names
}

/// They, with those that want nothing any more. Each is seen at two limits.
pub(super) fn all(seen: &[Seen], refusing: &BTreeSet<String>) -> BTreeSet<String> {
    seen.iter().filter_map(shut).chain(refusing.iter().cloned()).collect()
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
        let mut seen_now = vec![
            calls("destination/closed", 0),
            calls("destination/probed", 1),
            calls("destination/open", 2),
            calls("tenant/acme", 2),
            calls("erp", 2),
            held("destination/open", 900_000),
            held("destination/gone", 900_000),
            held("destination/busy", 30_000),
        ];
        let none = BTreeSet::new();
        assert_eq!(all(&seen_now, &none), ["gone", "open"].map(str::to_owned).into());
        // One that is paused has no breaker, and is held for a quarter of a minute at a time.
        let refusing = ["busy", "gone"].map(str::to_owned).into();
        assert_eq!(all(&seen_now, &refusing), ["busy", "gone", "open"].map(str::to_owned).into());
        seen_now.extend((0..1_000).map(|number| calls(&format!("destination/more-{number}"), 2)));
        assert_eq!(all(&seen_now, &none).len(), 1_002);
        let names = named(all(&seen_now, &none));
        assert!(names.len() == MOST_SHUT + 1 && names.contains(OTHERS), "{names:?}");
    }
}
