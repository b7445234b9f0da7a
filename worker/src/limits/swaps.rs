//! Places that runs of a long line give up to another origin's: each gets one at the end of the line for it.

use std::collections::VecDeque;

use shared::broker::Lane;

/// No more are owed at a time: all of them are read whenever somebody asks. Whoever comes then takes the
/// place at the end.
pub(crate) const MOST_SWAPS: usize = 256;

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
    /// The first run of `origin` that comes from then on gives its place up, and gets another; false if
    /// as many are owed as may be.
    pub(super) fn add(
        &mut self,
        origin: &str,
        lane: Lane,
        from_ms: i64,
        place_ms: i64,
        now_ms: i64,
    ) -> bool {
        self.forget(now_ms);
        let has_room = self.0.len() < MOST_SWAPS;
        if has_room {
            let is_bulk = lane == Lane::Bulk;
            self.0.push_back(Swap { origin: origin.to_owned(), is_bulk, from_ms, place_ms });
        }
        has_room
    }

    /// The place that a run whose turn has come gets instead.
    pub(super) fn owed(&mut self, origin: &str, lane: Lane, now_ms: i64) -> Option<i64> {
        self.forget(now_ms);
        let is_bulk = lane == Lane::Bulk;
        let is_due = |swap: &Swap| {
            swap.is_bulk == is_bulk && swap.origin == origin && swap.from_ms <= now_ms
        };
        let due = self.0.iter().position(is_due)?;
        self.0.remove(due).map(|swap| swap.place_ms)
    }

    /// Those for which nobody has come: there is room.
    fn forget(&mut self, now_ms: i64) {
        self.0.retain(|swap| swap.place_ms > now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_first_gives_its_place_up_once_for_each() {
        let mut swaps = Swaps::default();
        assert!(swaps.add("hubspot/1", Lane::Work, 1000, 9000, 500));
        assert!(swaps.add("hubspot/1", Lane::Work, 3000, 9500, 500));
        assert_eq!(swaps.owed("hubspot/1", Lane::Work, 999), None);
        assert_eq!(swaps.owed("hubspot/2", Lane::Work, 2000), None);
        assert_eq!(swaps.owed("hubspot/1", Lane::Bulk, 2000), None);
        assert_eq!(swaps.owed("hubspot/1", Lane::Work, 2000), Some(9000));
        assert_eq!(swaps.owed("hubspot/1", Lane::Work, 2000), None);
        assert_eq!(swaps.owed("hubspot/1", Lane::Work, 9500), None, "it is too late for that");
    }

    #[test]
    fn no_more_are_owed_than_may_be_and_what_is_over_makes_room() {
        let mut swaps = Swaps::default();
        let mut place_ms = 10_000;
        while swaps.add("hubspot/1", Lane::Work, 1000, place_ms, 500) {
            place_ms += 1000;
        }
        assert_eq!(swaps.0.len(), MOST_SWAPS);
        assert!(!swaps.add("hubspot/2", Lane::Bulk, 1000, place_ms, 9_999));
        // The first three are over.
        assert!(swaps.add("hubspot/2", Lane::Bulk, 1000, place_ms, 12_000));
        assert_eq!(swaps.0.len(), MOST_SWAPS - 2);
        assert_eq!(swaps.owed("hubspot/1", Lane::Work, 12_000), Some(13_000));
        assert_eq!(swaps.0.len(), MOST_SWAPS - 3);
    }
}
