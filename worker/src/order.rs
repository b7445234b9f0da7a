//! The line of one record's events on a route: who goes, who waits, and who is taken along by one that failed.
//!
//! Owns the rules, as a pure state: it is told who comes and how a run ended, and by which terms. A script on
//! Redis does the same, word for word, by Redis' clock. It knows no route, no event and no message.
//!
//! One goes at a time, the oldest of those that have come. One that failed holds the younger ones until its hold
//! is over. Then it is passed over, or they are broken with it. What comes of bulk holds nothing live: a replay
//! may wait for hours. Who is told to wait is remembered for a while beyond the time at which it is to come
//! back, and then forgotten: nobody waits for ever for one that never comes.

use std::time::Duration;

mod memory;

pub(crate) use memory::Orders;

/// So many of one record are remembered. Of more the oldest are: the others come again, and are new then.
pub(crate) const MOST: usize = 200;
/// Who is one place further behind comes so much later, in ms.
pub(crate) const STEP_MS: i64 = 50;
/// For no longer is anybody told to wait for the one before, in ms: what waits in queues comes a tenth of its
/// wait late.
pub(crate) const LONGEST_MS: i64 = 20_000;
/// Who should have been back is waited for by so much at a time, in ms.
pub(crate) const AGAIN_MS: i64 = 1_000;
/// How long one is remembered that is later than it was told to come, in ms: there may be much before it in
/// its queue.
pub(crate) const LATE_MS: i64 = 300_000;
/// And one whose run has not ended in its time, in ms: its worker died.
pub(crate) const LOST_MS: i64 = 20_000;

/// What holds on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// For how long one that fails holds its record, from its first failure on.
    pub(crate) hold: Duration,
    /// What becomes of those behind it then, and when it is given up: they are broken, or go.
    pub(crate) takes_along: bool,
}

/// Who comes: an event in one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comer {
    pub(crate) id: String,
    /// When it happened, ms since the Unix epoch.
    pub(crate) at_ms: i64,
    pub(crate) is_bulk: bool,
}

/// What is said to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It would go now; its run has ended after so long at the latest.
    Enter(Duration),
    /// It is done, or is not to be.
    Done,
    /// It is given up.
    Dead,
    /// It failed, and comes again after this.
    Failed(Duration),
    /// It has to wait for something else, and comes again after this.
    PutOff(Duration),
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It goes, and nobody beside it.
    Go,
    /// Not before others: it comes back after this. One that is near may be waited for where one is.
    Wait { wait: Duration, is_near: bool },
    /// One before it failed and takes it along.
    Broken,
    /// Noted, to who did not ask.
    Noted,
}

/// One that has come and is not done. All times in ms.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    at_ms: i64,
    id: String,
    /// Since when it fails; 0 if it has not.
    failed_ms: i64,
    /// Until when its run has ended; in the past if there is none.
    lease_ms: i64,
    /// When it is to come back; of one under way, when it began.
    due_ms: i64,
    /// Until when it is remembered.
    until_ms: i64,
    is_bulk: bool,
    /// Whether one before it has taken it along.
    is_taken: bool,
}

impl Entry {
    fn new(who: &Comer) -> Self {
        let Comer { id, at_ms, is_bulk } = who.clone();
        let (failed_ms, lease_ms, due_ms, until_ms, is_taken) = (0, 0, 0, 0, false);
        Self { at_ms, id, failed_ms, lease_ms, due_ms, until_ms, is_bulk, is_taken }
    }

    fn order(&self) -> (i64, &str) {
        (self.at_ms, &self.id)
    }

    fn is_under_way(&self, now_ms: i64) -> bool {
        self.lease_ms > now_ms
    }

    /// Whether it has failed for so long that it holds nobody any more.
    fn is_over(&self, terms: &Terms, now_ms: i64) -> bool {
        self.failed_ms > 0 && now_ms >= self.failed_ms.saturating_add(millis(terms.hold))
    }

    /// Whether it is before the other, which may have to wait for it.
    fn is_before(&self, other: &Self) -> bool {
        let is_of_no_concern = self.is_taken || (self.is_bulk && !other.is_bulk);
        !is_of_no_concern && self.order() < other.order()
    }
}

/// Those of one record, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Line(Vec<Entry>);

impl Line {
    fn hear(&mut self, who: &Comer, terms: &Terms, word: Word, now_ms: i64) -> Turn {
        self.0.retain(|entry| entry.until_ms > now_ms);
        let known = self.0.iter().position(|entry| entry.id == who.id);
        let own = known.map(|known| self.0.remove(known));
        let is_known = own.is_some();
        let own = own.unwrap_or_else(|| Entry::new(who));
        match word {
            Word::Enter(lease) => self.enter(own, is_known, terms, millis(lease), now_ms),
            Word::Done | Word::Dead => {
                let is_broken = word == Word::Dead || own.is_over(terms, now_ms);
                if terms.takes_along && is_broken && !own.is_taken {
                    self.take_along(&own, now_ms);
                }
                Turn::Noted
            }
            Word::Failed(back) | Word::PutOff(back) => {
                let has_failed = matches!(word, Word::Failed(_)) && own.failed_ms == 0;
                let failed_ms = if has_failed { now_ms } else { own.failed_ms };
                let mut own = Entry { failed_ms, lease_ms: 0, ..own };
                own.comes_back(millis(back), now_ms);
                if failed_ms > 0 {
                    own.until_ms = own.until_ms.max(failed_ms.saturating_add(millis(terms.hold)));
                }
                self.insert(own);
                Turn::Noted
            }
        }
    }

    fn enter(
        &mut self,
        own: Entry,
        is_known: bool,
        terms: &Terms,
        lease_ms: i64,
        now_ms: i64,
    ) -> Turn {
        let under_way = self.0.iter().find(|entry| entry.is_under_way(now_ms));
        let is_broken = |entry: &Entry| entry.is_over(terms, now_ms) && entry.is_before(&own);
        let is_broken = terms.takes_along && under_way.is_none() && self.0.iter().any(is_broken);
        if own.is_taken || is_broken {
            // One that is not known need not be: it is told the same again.
            if is_known {
                self.insert(Entry { is_taken: true, lease_ms: 0, ..own });
            }
            return Turn::Broken;
        }
        let holds = |entry: &&Entry| {
            !entry.is_under_way(now_ms) && !entry.is_over(terms, now_ms) && entry.is_before(&own)
        };
        let first = self.0.iter().find(holds);
        let before = self.0.iter().filter(holds).count() + usize::from(under_way.is_some());
        let (base_ms, is_near) = match (under_way, first) {
            // The longer it takes, the more seldom it is asked whether it is over.
            (Some(other), _) => (((now_ms - other.due_ms).max(0) / 2).min(LONGEST_MS), true),
            (None, Some(first)) => {
                let held_ms = first.failed_ms.saturating_add(millis(terms.hold));
                let ends_ms =
                    if first.failed_ms > 0 { first.due_ms.min(held_ms) } else { first.due_ms };
                let left_ms = ends_ms - now_ms;
                (if left_ms > 0 { left_ms.min(LONGEST_MS) } else { AGAIN_MS }, false)
            }
            (None, None) => {
                self.make_room();
                let until_ms = now_ms.saturating_add(lease_ms).saturating_add(LOST_MS);
                let lease_ms = now_ms.saturating_add(lease_ms);
                self.insert(Entry { lease_ms, due_ms: now_ms, until_ms, ..own });
                return Turn::Go;
            }
        };
        let places = i64::try_from(before).unwrap_or(i64::MAX);
        let wait_ms = base_ms.saturating_add(places.saturating_mul(STEP_MS));
        if is_known || self.has_room_for(&own, now_ms) {
            let mut own = Entry { lease_ms: 0, ..own };
            own.comes_back(wait_ms, now_ms);
            self.insert(own);
        }
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
        Turn::Wait { wait, is_near }
    }

    /// Those behind it are broken with it: all that have come until now.
    fn take_along(&mut self, own: &Entry, now_ms: i64) {
        for entry in &mut self.0 {
            if !entry.is_under_way(now_ms) && own.is_before(entry) {
                entry.is_taken = true;
            }
        }
    }

    /// Whether one that waits is remembered: if it is not younger than all others, in the place of the youngest.
    fn has_room_for(&mut self, own: &Entry, now_ms: i64) -> bool {
        if self.0.len() < MOST {
            return true;
        }
        let waits =
            |entry: &Entry| !entry.is_under_way(now_ms) && entry.failed_ms == 0 && !entry.is_taken;
        match self.0.iter().rposition(waits) {
            Some(last) if own.order() < self.0[last].order() => {
                self.0.remove(last);
                true
            }
            _ => false,
        }
    }

    /// One that goes is remembered always.
    fn make_room(&mut self) {
        if self.0.len() >= MOST {
            let waits = |entry: &Entry| entry.failed_ms == 0 && !entry.is_taken;
            let last = self.0.iter().rposition(waits).unwrap_or(self.0.len() - 1);
            self.0.remove(last);
        }
    }

    fn insert(&mut self, own: Entry) {
        let place = self.0.partition_point(|entry| entry.order() < own.order());
        self.0.insert(place, own);
    }

    /// Until when anything of it matters.
    fn end_ms(&self) -> i64 {
        self.0.iter().map(|entry| entry.until_ms).max().unwrap_or_default()
    }
}

impl Entry {
    fn comes_back(&mut self, after_ms: i64, now_ms: i64) {
        self.due_ms = now_ms.saturating_add(after_ms);
        self.until_ms = self.due_ms.saturating_add(after_ms / 4).saturating_add(LATE_MS);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod explorer;
#[cfg(test)]
mod tests;
