//! The lines of several origins at one limit, side by side: each moves as if it had its share, and so a
//! long line of one is nobody else's.
//!
//! Places are given out as they are asked for: who comes when others have no line yet has the whole rate,
//! and each further line makes the steps of all longer from then on. On Redis a lane's lines are a sorted
//! set, and a script reads no more of it than is asked here.

use std::collections::BTreeMap;

use shared::broker::Lane;

/// Of each origin in a lane: when the last of its line comes.
type Ends = BTreeMap<String, i64>;

/// Lines that are not over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Flows {
    work: Ends,
    bulk: Ends,
}

impl Flows {
    /// A place at the end of an origin's line, not before `begin_ms`, where one comes each `step_ms`.
    pub(super) fn place(
        &mut self,
        origin: &str,
        lane: Lane,
        begin_ms: i64,
        step_ms: i64,
        now_ms: i64,
    ) -> i64 {
        self.forget(now_ms);
        let own_ms = self.ends(lane).get(origin).copied();
        let lines = i64::try_from(self.ends(lane).len()).unwrap_or(i64::MAX);
        let place_ms = own_ms.map_or(begin_ms, |end_ms| begin_ms.max(end_ms + step_ms * lines));
        self.extend(origin, lane, place_ms, now_ms);
        place_ms
    }

    /// An origin's line reaches until then.
    pub(super) fn extend(&mut self, origin: &str, lane: Lane, end_ms: i64, now_ms: i64) {
        self.forget(now_ms);
        let ends = match lane {
            Lane::Work => &mut self.work,
            Lane::Bulk => &mut self.bulk,
        };
        let own_ms = ends.entry(origin.to_owned()).or_insert(end_ms);
        *own_ms = end_ms.max(*own_ms);
    }

    /// How many lines of the lane there are with this origin's.
    pub(super) fn lines(&self, origin: &str, lane: Lane, now_ms: i64) -> i64 {
        let others = self.ends(lane).iter();
        let others = others.filter(|(known, end_ms)| known.as_str() != origin && **end_ms > now_ms);
        i64::try_from(others.count()).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// The longest line of another origin: whose, and until when. Of equals the one with the last name.
    pub(super) fn longest_beside(&self, origin: &str, lane: Lane) -> Option<(String, i64)> {
        let others = self.ends(lane).iter().filter(|(known, _)| known.as_str() != origin);
        let longest = others.max_by_key(|(_, end_ms)| **end_ms);
        longest.map(|(other, end_ms)| (other.clone(), *end_ms))
    }

    /// When the last of an origin's line comes; 0 if it has none.
    pub(super) fn end_of(&self, origin: &str, lane: Lane) -> i64 {
        self.ends(lane).get(origin).copied().unwrap_or_default()
    }

    /// When the last of a lane comes.
    pub(super) fn end_ms(&self, lane: Lane) -> i64 {
        self.ends(lane).values().copied().max().unwrap_or_default()
    }

    /// Lines that are over.
    pub(super) fn forget(&mut self, now_ms: i64) {
        self.work.retain(|_, end_ms| *end_ms > now_ms);
        self.bulk.retain(|_, end_ms| *end_ms > now_ms);
    }

    fn ends(&self, lane: Lane) -> &Ends {
        match lane {
            Lane::Work => &self.work,
            Lane::Bulk => &self.bulk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_of_one_origin_is_not_anothers() {
        let mut flows = Flows::default();
        let mut place = |origin| flows.place(origin, Lane::Work, 1000, 100, 500);
        let long: Vec<_> = (0..100).map(|_| place("hubspot/1")).collect();
        assert_eq!((long[0], long[99]), (1000, 1000 + 99 * 100));
        let other: Vec<_> = (0..3).map(|_| place("hubspot/2")).collect();
        assert_eq!(other, [1000, 1200, 1400], "half as fast as alone");
        assert_eq!(place("hubspot/1"), long[99] + 200);
        assert_eq!(flows.end_ms(Lane::Work), long[99] + 200);
        assert_eq!(flows.end_of("hubspot/2", Lane::Work), 1400);
        // What is over is no line.
        assert_eq!(flows.place("hubspot/1", Lane::Work, 0, 100, 5_000), long[99] + 300);
    }

    #[test]
    fn the_longest_of_others_is_found_and_of_equals_the_last_by_name() {
        let mut flows = Flows::default();
        for (origin, end_ms) in [("hubspot/3", 900), ("hubspot/1", 900), ("hubspot/2", 700)] {
            flows.extend(origin, Lane::Work, end_ms, 500);
        }
        flows.extend("hubspot/9", Lane::Bulk, 5_000, 500);
        let longest = |origin| flows.longest_beside(origin, Lane::Work);
        assert_eq!(longest("hubspot/2"), Some(("hubspot/3".to_owned(), 900)));
        assert_eq!(longest("hubspot/3"), Some(("hubspot/1".to_owned(), 900)));
        assert_eq!(flows.lines("hubspot/2", Lane::Work, 500), 3);
        assert_eq!(flows.lines("hubspot/2", Lane::Work, 800), 3);
        assert_eq!(flows.lines("hubspot/1", Lane::Work, 800), 2);
        // A shorter one takes nothing back.
        flows.extend("hubspot/2", Lane::Work, 600, 500);
        assert_eq!(flows.end_of("hubspot/2", Lane::Work), 700);
        flows.forget(700);
        assert_eq!((flows.end_of("hubspot/2", Lane::Work), flows.end_ms(Lane::Work)), (0, 900));
    }
}
