//! One limit's window and its lines, as a pure state: what a script does on Redis is this, word for
//! word, by Redis' clock.
//!
//! Three things are counted. `granted` are the requests that were made: no window ever has more of them
//! than the limit. A lane's `slots` are the times at which runs were told to come, one for each request
//! that they are expected to make: a run's turn comes when there will be room for all of these. `begun` are
//! the times at which runs did begin, again one for each request: however many come at once because
//! something has kept them, no more begin than there is room for to the end. So who has begun finds room
//! soon, and does not have to ask everything again. That is for runs as they are on average: one that makes
//! more requests than a tenth of the limit begins when there is room for that, or it would never.

use std::time::Duration;

use shared::broker::Lane;

use super::flows::Flows;
use super::seen::{self, Sight};
use super::slots::{Rate, Slots, spaced};
use super::swaps::Swaps;
use super::waits::Waits;
use super::window::Window;
use super::{Room, Standing};

/// Of ten requests bulk may use so many: the rest is there for what comes live.
pub(crate) const BULK_OF_TEN: u32 = 7;
/// One request in so many is bulk's, however much comes live.
pub(crate) const GUARANTEED: u32 = 10;
/// Whose turn has come and who finds no room for longer than this, in ms, comes back at a time of their
/// own: else all who wait for the same would ask at the same moment, again and again.
pub(crate) const NEAR_MS: i64 = 2_000;
/// How long after its time somebody who waits for room may ask again, in ms.
pub(crate) const LATE_MS: i64 = 250;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// Whose run it is, where several origins share the limit.
    pub(super) sharing: Option<&'a str>,
    pub(super) size: Option<u32>,
    pub(super) window_ms: i64,
    pub(super) lane: Lane,
    pub(super) standing: Standing,
    /// For how long the run has waited in all.
    pub(super) waited_ms: i64,
}

/// All times in ms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Line {
    /// As it was asked at last.
    size: u32,
    window_ms: i64,
    granted: Window,
    begun: Slots,
    work: Slots,
    bulk: Slots,
    /// Of those who come back: before whoever is new.
    back: Slots,
    bulk_back: Slots,
    /// Until when somebody of the lane waits for room.
    work_waits_ms: i64,
    bulk_waits_ms: i64,
    /// What bulk was granted of its own share, as far back as that reaches.
    turns: Window,
    /// Where origins share the limit: the end of each one's line, and who gives a place up to another.
    flows: Flows,
    swaps: Swaps,
    /// Until when the other side wants to be left alone.
    hold_ms: i64,
    /// Those who have a place, for people who look.
    waits: Waits,
}

impl Line {
    /// Counts a request, or tells how long to wait.
    pub(super) fn take(&mut self, asked: &Asked<'_>, now_ms: i64) -> Room {
        if let Some(size) = asked.size {
            (self.size, self.window_ms) = (size, asked.window_ms);
        }
        let is_bulk = asked.lane == Lane::Bulk;
        let place_ms = match asked.standing {
            Standing::New { .. } => {
                let end_ms = self.place(asked, asked.standing.thousandths(), now_ms);
                self.swap(asked, end_ms, now_ms)
            }
            Standing::Placed { .. } => {
                let owed_ms =
                    asked.sharing.and_then(|who| self.swaps.owed(who, asked.lane, now_ms));
                owed_ms.unwrap_or(now_ms)
            }
            Standing::UnderWay => now_ms,
        };
        if place_ms > now_ms {
            return self.placed(asked, place_ms, now_ms);
        }
        self.granted.forget(now_ms - asked.window_ms);
        let is_under_way = asked.standing == Standing::UnderWay;
        let mut wait_ms = (self.hold_ms - now_ms).max(0);
        let mut has_turn = false;
        if let Some(size) = asked.size {
            // One in ten is bulk's, however much comes live.
            let own = Rate { size, window_ms: asked.window_ms }.tenths(1);
            self.turns.forget(now_ms - own.window_ms);
            let turns = own.size.saturating_sub(self.turns.count());
            has_turn = is_bulk && turns > 0;
            let until_room = |cap| self.until_room_ms(asked, cap, now_ms);
            // Those who begin have left room for whoever is under way, of either lane.
            wait_ms = wait_ms.max(if has_turn || is_under_way {
                until_room(size)
            } else if is_bulk {
                // Behind whoever waits live, until its own turn.
                let turn_ms = self.turns.until_room_ms(own.size, own.window_ms, now_ms);
                let room_ms = until_room((size * BULK_OF_TEN / 10).max(1));
                room_ms.max(self.work_waits_ms - now_ms).clamp(0, turn_ms)
            } else if self.bulk_waits_ms > now_ms {
                until_room(size.saturating_sub(turns))
            } else {
                until_room(size)
            });
        }
        if wait_ms == 0 {
            if let Some(size) = asked.size {
                self.granted.add(1, now_ms);
                if !is_under_way {
                    let count = self.begun.whole(asked.standing.thousandths());
                    // A window is not longer for those who need more than it has.
                    self.begun.push(now_ms, count.min(size), size);
                    if has_turn {
                        let own = Rate { size, window_ms: asked.window_ms }.tenths(1);
                        self.turns.add(count.min(own.size), now_ms);
                    }
                }
            }
            return Room::Granted;
        }
        if wait_ms > NEAR_MS && matches!(asked.standing, Standing::Placed { .. }) {
            let place_ms = self.back(asked, wait_ms, now_ms);
            return self.placed(asked, place_ms, now_ms);
        }
        let until_ms = now_ms + wait_ms + LATE_MS;
        if !is_bulk {
            self.work_waits_ms = self.work_waits_ms.max(until_ms);
        } else if has_turn {
            self.bulk_waits_ms = self.bulk_waits_ms.max(until_ms);
        }
        Room::Soon(millis(wait_ms))
    }

    /// Nothing is granted for so long from now on: the other side has said so.
    pub(super) fn hold(&mut self, for_ms: i64, now_ms: i64) {
        self.hold_ms = self.hold_ms.max(now_ms + for_ms);
    }

    /// As people see it.
    pub(super) fn sight(&self, now_ms: i64) -> Sight {
        let used = self.granted.since(now_ms - self.window_ms);
        let end_ms = self.end_ms();
        let count = |lane| i64::try_from(self.waits.count(lane, now_ms)).unwrap_or(i64::MAX);
        [
            i64::try_from(used).unwrap_or(i64::MAX),
            self.size.into(),
            self.window_ms,
            count(Lane::Work),
            count(Lane::Bulk),
            self.waits.oldest_ms(now_ms),
            (end_ms - now_ms).max(0),
            (self.hold_ms - now_ms).max(0),
            seen::NONE,
        ]
    }

    /// Whether nothing of it matters any more.
    pub(super) fn is_over(&self, window_ms: i64, now_ms: i64) -> bool {
        self.end_ms().max(self.begun.end_ms()) + window_ms.saturating_mul(i64::from(GUARANTEED))
            <= now_ms
            && self.hold_ms <= now_ms
            && self.waits.end_ms() <= now_ms
            && self.granted.last_ms().is_none_or(|at_ms| at_ms <= now_ms - window_ms)
    }

    /// When the last who has a place is to come.
    fn end_ms(&self) -> i64 {
        let lines = [&self.work, &self.bulk, &self.back, &self.bulk_back];
        lines.into_iter().map(Slots::end_ms).max().unwrap_or_default()
    }

    /// How long until there is room within `cap`: for one request, and for whoever begins for all of them.
    /// Nobody has to find more than a tenth of the limit: those who need less would always be before him.
    fn until_room_ms(&self, asked: &Asked<'_>, cap: u32, now_ms: i64) -> i64 {
        let until_ms = self.granted.until_room_ms(cap, asked.window_ms, now_ms);
        if asked.standing == Standing::UnderWay {
            return until_ms;
        }
        let count = self.begun.next(asked.standing.thousandths()).min(cap);
        let tenth = (asked.size.unwrap_or_default() / 10).max(1);
        let rate = Rate { size: cap, window_ms: asked.window_ms };
        let count = count.min(tenth);
        until_ms.max(self.begun.free_ms(count, rate) - now_ms)
    }

    fn placed(&mut self, asked: &Asked<'_>, place_ms: i64, now_ms: i64) -> Room {
        self.waits.add(place_ms, asked.lane, now_ms - asked.waited_ms, now_ms);
        Room::Place(millis(place_ms - now_ms))
    }

    /// When a run's turn comes, at the end of its lane's line; now, if there is none.
    fn place(&mut self, asked: &Asked<'_>, thousandths: u32, now_ms: i64) -> i64 {
        let (work_end_ms, bulk_end_ms) = (self.work.end_ms(), self.bulk.end_ms());
        // What is live does not come behind bulk that comes back.
        let back_ms = match asked.lane {
            Lane::Work => self.back.end_ms(),
            Lane::Bulk => self.back.end_ms().max(self.bulk_back.end_ms()),
        };
        let slots = if asked.lane == Lane::Bulk { &mut self.bulk } else { &mut self.work };
        let end_ms = slots.end_ms().max(back_ms);
        let begin_ms = now_ms.max(self.hold_ms).max(end_ms);
        let Some(size) = asked.size else {
            let place_ms = spaced(end_ms, self.hold_ms, now_ms);
            // Nothing is kept while nobody is held back.
            if place_ms > now_ms {
                slots.push(place_ms, 1, 1);
            }
            return place_ms;
        };
        let whole = Rate { size, window_ms: asked.window_ms };
        // While the other lane has a line too, each has its share.
        let rate = match asked.lane {
            Lane::Bulk if work_end_ms > begin_ms => whole.tenths(1),
            Lane::Bulk => whole.tenths(BULK_OF_TEN),
            Lane::Work if bulk_end_ms > begin_ms => whole.tenths(9),
            Lane::Work => whole,
        };
        let count = slots.whole(thousandths);
        let place_ms = begin_ms.max(slots.free_ms(count.min(rate.size), rate));
        slots.book(place_ms, count, rate, size);
        place_ms
    }

    /// Where origins share the limit, and one of them has a long line: another's run takes a place in the
    /// middle of that, so that it waits as if each had its share, and a run of the long line gets the place
    /// at its end instead. As many places are given as there were.
    fn swap(&mut self, asked: &Asked<'_>, end_ms: i64, now_ms: i64) -> i64 {
        let (Some(origin), Some(size)) = (asked.sharing, asked.size) else { return end_ms };
        let step_ms = (asked.window_ms / i64::from(size.max(1))).max(1);
        let lines = self.flows.lines(origin, asked.lane, now_ms);
        let own_ms = self.flows.end_of(origin, asked.lane).max(self.hold_ms).max(now_ms);
        let place_ms = own_ms + step_ms * lines;
        let from_ms = place_ms - step_ms + 1;
        if let Some((other, other_ms)) = self.flows.longest_beside(origin, asked.lane)
            && place_ms + step_ms < end_ms
            && place_ms <= other_ms
            && self.swaps.add(&other, asked.lane, from_ms, end_ms, now_ms)
        {
            self.flows.extend(&other, asked.lane, end_ms, now_ms);
            self.flows.extend(origin, asked.lane, place_ms, now_ms);
            return place_ms;
        }
        self.flows.extend(origin, asked.lane, end_ms, now_ms);
        end_ms
    }

    /// When somebody comes back who finds no room for `wait_ms`.
    fn back(&mut self, asked: &Asked<'_>, wait_ms: i64, now_ms: i64) -> i64 {
        let live_end_ms = self.back.end_ms();
        let (back, end_ms) = match asked.lane {
            Lane::Work => (&mut self.back, live_end_ms),
            Lane::Bulk => {
                let end_ms = self.bulk_back.end_ms().max(live_end_ms);
                (&mut self.bulk_back, end_ms)
            }
        };
        let Some(size) = asked.size else {
            let place_ms = spaced(end_ms, now_ms + wait_ms, now_ms);
            back.push(place_ms, 1, 1);
            return place_ms;
        };
        let rate = Rate { size, window_ms: asked.window_ms };
        let count = back.whole(asked.standing.thousandths());
        let begin_ms = (now_ms + wait_ms).max(end_ms);
        let place_ms = begin_ms.max(back.free_ms(count.min(size), rate));
        back.book(place_ms, count, rate, size);
        place_ms
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

#[cfg(test)]
mod explorer;
#[cfg(test)]
mod tests;
