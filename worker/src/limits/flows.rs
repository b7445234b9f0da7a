//! The lines of several origins at one limit, side by side: each moves as if it had its share, and so a
//! long line of one is nobody else's.
//!
//! Places are given out as they are asked for: who comes when others have no line yet has the whole rate,
//! and each further line makes the steps of all longer from then on.

use shared::broker::Lane;

/// Lines that are not over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Flows(Vec<Flow>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Flow {
    origin: String,
    is_bulk: bool,
    /// When the last of it comes.
    end_ms: i64,
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
        self.0.retain(|flow| flow.end_ms > now_ms);
        let is_bulk = lane == Lane::Bulk;
        let is_own = |flow: &Flow| flow.is_bulk == is_bulk && flow.origin == origin;
        let own = self.0.iter().position(is_own);
        let lines = self.0.iter().filter(|flow| flow.is_bulk == is_bulk).count();
        let lines = i64::try_from(lines + usize::from(own.is_none())).unwrap_or(i64::MAX);
        if let Some(own) = own {
            let flow = &mut self.0[own];
            flow.end_ms = begin_ms.max(flow.end_ms + step_ms * lines);
            return flow.end_ms;
        }
        self.0.push(Flow { origin: origin.to_owned(), is_bulk, end_ms: begin_ms });
        begin_ms
    }

    /// An origin's line reaches until then.
    pub(super) fn extend(&mut self, origin: &str, lane: Lane, end_ms: i64, now_ms: i64) {
        self.0.retain(|flow| flow.end_ms > now_ms);
        let is_bulk = lane == Lane::Bulk;
        let mut own = self.0.iter_mut().filter(|flow| flow.is_bulk == is_bulk);
        match own.find(|flow| flow.origin == origin) {
            Some(flow) => flow.end_ms = flow.end_ms.max(end_ms),
            None => self.0.push(Flow { origin: origin.to_owned(), is_bulk, end_ms }),
        }
    }

    /// How many lines of the lane there are with this origin's.
    pub(super) fn lines(&self, origin: &str, lane: Lane, now_ms: i64) -> i64 {
        let is_bulk = lane == Lane::Bulk;
        let others = self.0.iter().filter(|flow| {
            flow.is_bulk == is_bulk && flow.origin != origin && flow.end_ms > now_ms
        });
        i64::try_from(others.count()).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// The longest line of another origin: whose, and until when. Of equals the first that came.
    pub(super) fn longest_beside(&self, origin: &str, lane: Lane) -> Option<(String, i64)> {
        let is_bulk = lane == Lane::Bulk;
        let mut longest: Option<&Flow> = None;
        for flow in self.0.iter().filter(|flow| flow.is_bulk == is_bulk && flow.origin != origin) {
            if longest.is_none_or(|known| flow.end_ms > known.end_ms) {
                longest = Some(flow);
            }
        }
        longest.map(|flow| (flow.origin.clone(), flow.end_ms))
    }

    /// When the last of an origin's line comes; 0 if it has none.
    pub(super) fn end_of(&self, origin: &str, lane: Lane) -> i64 {
        let is_bulk = lane == Lane::Bulk;
        let own = self.0.iter().filter(|flow| flow.is_bulk == is_bulk && flow.origin == origin);
        own.map(|flow| flow.end_ms).max().unwrap_or_default()
    }

    /// When the last of a lane comes.
    pub(super) fn end_ms(&self, lane: Lane) -> i64 {
        let is_bulk = lane == Lane::Bulk;
        let of_lane = self.0.iter().filter(|flow| flow.is_bulk == is_bulk);
        of_lane.map(|flow| flow.end_ms).max().unwrap_or_default()
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
}
