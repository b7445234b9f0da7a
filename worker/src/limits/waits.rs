//! How many wait at a limit, and since when, for people who watch: nothing is decided by it.
//!
//! Who waits has a place, and is counted until about then. So nobody has to be counted off, and a worker
//! that dies leaves nothing behind. Those whose places come at about the same time are one entry, or a long
//! line would be a long list: about is an eighth of the wait.

use shared::broker::Lane;

/// The finest that is told apart, in ms.
const FINEST_MS: i64 = 1000;

/// Who waits at one limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Waits(Vec<Wait>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wait {
    until_ms: i64,
    is_bulk: bool,
    count: u32,
    /// When the one of them who waits longest began to.
    since_ms: i64,
}

impl Waits {
    /// Somebody who has waited since then has got a place.
    pub(super) fn add(&mut self, place_ms: i64, lane: Lane, since_ms: i64, now_ms: i64) {
        self.0.retain(|wait| wait.until_ms > now_ms);
        let mut width_ms = FINEST_MS;
        while width_ms * 16 <= place_ms - now_ms {
            width_ms *= 2;
        }
        let until_ms = (place_ms + width_ms - 1) / width_ms * width_ms;
        let is_bulk = lane == Lane::Bulk;
        let same = |wait: &&mut Wait| wait.until_ms == until_ms && wait.is_bulk == is_bulk;
        match self.0.iter_mut().find(same) {
            Some(wait) => {
                wait.count += 1;
                wait.since_ms = wait.since_ms.min(since_ms);
            }
            None => self.0.push(Wait { until_ms, is_bulk, count: 1, since_ms }),
        }
    }

    /// How many wait in a lane.
    pub(super) fn count(&self, lane: Lane, now_ms: i64) -> u64 {
        let is_bulk = lane == Lane::Bulk;
        let of_lane = self.now(now_ms).filter(|wait| wait.is_bulk == is_bulk);
        of_lane.map(|wait| u64::from(wait.count)).sum()
    }

    /// For how long whoever waits longest has, in ms; 0 if nobody waits.
    pub(super) fn oldest_ms(&self, now_ms: i64) -> i64 {
        self.now(now_ms).map(|wait| now_ms - wait.since_ms).max().unwrap_or_default()
    }

    /// When nobody waits any more.
    pub(super) fn end_ms(&self) -> i64 {
        self.0.iter().map(|wait| wait.until_ms).max().unwrap_or_default()
    }

    fn now(&self, now_ms: i64) -> impl Iterator<Item = &Wait> {
        self.0.iter().filter(move |wait| wait.until_ms > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_counted_until_about_the_place_and_the_list_stays_short() {
        let mut waits = Waits::default();
        let hour_ms = 3_600_000;
        for place in 1..=10_000 {
            let lane = if place % 10 == 0 { Lane::Bulk } else { Lane::Work };
            waits.add(hour_ms + place * 360, lane, hour_ms - place, hour_ms);
        }
        assert_eq!(
            (waits.count(Lane::Work, hour_ms), waits.count(Lane::Bulk, hour_ms)),
            (9000, 1000)
        );
        assert_eq!(waits.oldest_ms(hour_ms), 10_000);
        assert!(waits.0.len() < 200, "{}", waits.0.len());
        let half = waits.count(Lane::Work, 3 * hour_ms / 2);
        assert!((4500..=5200).contains(&half), "{half}");
        assert_eq!(waits.count(Lane::Work, 2 * hour_ms + hour_ms / 7), 0);
    }
}
