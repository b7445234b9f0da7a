//! A wait of any length as stays in queues: where a message goes next, for how long, and what is
//! left of its wait then. Knows no clock and no broker.
//!
//! A queue's messages expire only at its head, so one that is to stay for less than those before it
//! stays too long. All that are in the queue of a delay stay for ten elevenths of it or more, so what
//! is too long is a tenth at most.
//!
//! A way is a set of delays that add up to the wait or to more, by a tenth of it and one shortest
//! delay at most; of all these ways the one with the fewest stays is gone, each stay shortened in
//! the same proportion. Nothing of it is remembered: what is left of a way is a way for the rest of
//! the wait. Where steps are no higher than five times the one below, no wait takes more than six
//! stays more than there are longest delays in it, begun ones too. Delays of single milliseconds have
//! no tenths; with them it may be three more.

use std::time::Duration;

use super::ladder::Ladder;

/// A stay in the queue of a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Which queue it is; the stay is no longer than this.
    pub delay: Duration,
    /// When the message is to leave it, from nine tenths of `delay` to all of it.
    pub ttl: Duration,
    /// What is left of the wait then: another hop, if it is not nothing.
    pub rest: Duration,
}

/// The first stay of a way, and all of it, in ms.
#[derive(Clone, Copy, Debug)]
struct Way {
    first: u64,
    length: u64,
}

/// From here on all stays but one add up to ten elevenths: the longest delays will do.
const MANY: u64 = 10;

impl Ladder {
    /// The next stay of a message that is to wait for `wait`, in whole milliseconds. It is back when
    /// all stays are over: not before `wait` is, and not later than [`Self::at_most`] says.
    #[must_use]
    pub fn hop(&self, wait: Duration) -> Hop {
        let wait = millis(wait);
        let way = self.way(wait);
        // Rounded down, for what is rounded down here is left to later stays.
        let share = u128::from(wait) * u128::from(way.first) / u128::from(way.length);
        let ttl = if way.first == way.length { wait } else { u64::try_from(share).unwrap_or(wait) };
        let ttl = ttl.clamp(shortest_stay(way.first), way.first);
        let [delay, ttl, rest] =
            [way.first, ttl, wait.saturating_sub(ttl)].map(Duration::from_millis);
        Hop { delay, ttl, rest }
    }

    fn way(&self, wait: u64) -> Way {
        let (shortest, longest) = (self.0[0], self.0[self.0.len() - 1]);
        let fewest = wait.div_ceil(longest).max(1);
        if fewest > MANY {
            return Way { first: longest, length: longest * fewest };
        }
        let most = wait + wait / 10 + shortest;
        // Ends: as many of the shortest as it takes are a way.
        let found = (fewest..).find_map(|stays| find(&self.0, stays, wait, most));
        found.unwrap_or(Way { first: longest, length: longest })
    }
}

/// A way of so many stays that is from `least` to `most` long, the longest stay first.
fn find(delays: &[u64], stays: u64, least: u64, most: u64) -> Option<Way> {
    let shortest = delays[0];
    for (index, delay) in delays.iter().copied().enumerate() {
        if delay * stays < least {
            continue;
        }
        if delay + (stays - 1) * shortest > most {
            return None;
        }
        if stays == 1 {
            return Some(Way { first: delay, length: delay });
        }
        let (least, most) = (least.saturating_sub(delay), most - delay);
        if let Some(others) = find(&delays[..=index], stays - 1, least, most) {
            return Some(Way { first: delay, length: delay + others.length });
        }
    }
    None
}

/// The shortest that a message stays in the queue of `delay`, in ms.
pub(super) fn shortest_stay(delay: u64) -> u64 {
    (delay * 10).div_ceil(11)
}

/// Rounded up, for no wait is to end early; as much as a header can hold.
fn millis(wait: Duration) -> u64 {
    let millis = wait.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).unwrap_or(u64::MAX).min(i64::MAX.cast_unsigned())
}

#[cfg(test)]
mod tests;
