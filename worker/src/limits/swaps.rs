//! Places that runs of a long line give up to another origin's: each gets one at the end of the line for it.

use std::collections::VecDeque;

use shared::broker::Lane;

/// What is owed, in the order in which it was given up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Swaps(VecDeque<Swap>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Swap {
    /// Who gives one up.
    origin: String,
    is_bulk: bool,
    /// The first that comes then does.
    from_ms: i64,
    /// And gets this one.
    place_ms: i64,
}

impl Swaps {
    /// The first run of `origin` that comes from then on gives its place up, and gets another.
    pub(super) fn add(&mut self, origin: &str, lane: Lane, from_ms: i64, place_ms: i64) {
        let is_bulk = lane == Lane::Bulk;
        self.0.push_back(Swap { origin: origin.to_owned(), is_bulk, from_ms, place_ms });
    }

    /// The place that a run whose turn has come gets instead.
    pub(super) fn owed(&mut self, origin: &str, lane: Lane, now_ms: i64) -> Option<i64> {
        // Nobody has come: there is room.
        self.0.retain(|swap| swap.place_ms > now_ms);
        let is_bulk = lane == Lane::Bulk;
        let is_due = |swap: &Swap| {
            swap.is_bulk == is_bulk && swap.origin == origin && swap.from_ms <= now_ms
        };
        let due = self.0.iter().position(is_due)?;
        self.0.remove(due).map(|swap| swap.place_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_first_gives_its_place_up_once_for_each() {
        let mut swaps = Swaps::default();
        swaps.add("hubspot/1", Lane::Work, 1000, 9000);
        swaps.add("hubspot/1", Lane::Work, 3000, 9500);
        assert_eq!(swaps.owed("hubspot/1", Lane::Work, 999), None);
        assert_eq!(swaps.owed("hubspot/2", Lane::Work, 2000), None);
        assert_eq!(swaps.owed("hubspot/1", Lane::Bulk, 2000), None);
        assert_eq!(swaps.owed("hubspot/1", Lane::Work, 2000), Some(9000));
        assert_eq!(swaps.owed("hubspot/1", Lane::Work, 2000), None);
        assert_eq!(swaps.owed("hubspot/1", Lane::Work, 9500), None, "it is too late for that");
    }
}
