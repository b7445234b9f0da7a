//! The place in line that a fact has: the run whose work was put off comes back for it.
//!
//! Owns who waits for it. The fact's other events would each take a place of their own, and use none of
//! them. So they wait until that run should have come, and longer by what may hold it up; then whoever
//! comes has the place. When the place is due is told by the ledger's clock alone. Nobody waits for one that
//! comes too late for them: they ask for a place of their own then.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::Lease;

/// Among a fact's steps: no handler's step is likely to be called so.
const STEP: &str = "once/booking";

/// How much later than told a run may come: it is a tenth of its wait late at the most, and then reads what
/// it needs. Until then nobody else goes ahead.
const LATE: Duration = Duration::from_secs(3);

/// A place in line, kept with the fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Booking {
    /// The event and the handler that come back for it.
    event: String,
    is_bulk: bool,
    /// The limits at which it is.
    pub(super) places: Vec<String>,
    /// From then on it is anybody's.
    until_ms: u64,
}

impl Booking {
    /// What `event` was told now: to come back for `places` after `wait`.
    pub(super) fn new(
        event: String,
        is_bulk: bool,
        places: Vec<String>,
        wait: Duration,
        now_ms: u64,
    ) -> Self {
        let wait = wait.saturating_add(wait / 10).saturating_add(LATE);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self { event, is_bulk, places, until_ms: now_ms.saturating_add(wait_ms) }
    }

    /// The last one of the fact, whether its time is over or not.
    pub(super) fn of(fact: &Lease) -> Option<Self> {
        serde_json::from_str(&fact.step(STEP)?).ok()
    }

    /// Keeps it with the fact, in the place of one before.
    pub(super) fn keep(&self, fact: &Lease) {
        if let Ok(json) = serde_json::to_string(self) {
            fact.keep(STEP, &json);
        }
    }

    /// For how long it keeps a run of `event` waiting, if it does. Nobody waits for their own place, and no
    /// live event for one in the line of bulk.
    pub(super) fn keeps_waiting(
        &self,
        event: &str,
        is_bulk: bool,
        now_ms: u64,
    ) -> Option<Duration> {
        let is_free = self.event == event || (self.is_bulk && !is_bulk);
        let left_ms = self.until_ms.saturating_sub(now_ms);
        (!is_free && left_ms > 0).then(|| Duration::from_millis(left_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn booking(is_bulk: bool) -> Booking {
        let places = vec!["slack/C1".to_owned()];
        Booking::new("one".to_owned(), is_bulk, places, Duration::from_secs(60), 1_000)
    }

    #[test]
    fn others_wait_until_shortly_after_the_place_is_due() {
        let booking = booking(false);
        let wait = |event, now_ms| booking.keeps_waiting(event, false, now_ms);
        assert_eq!(wait("other", 1_000), Some(Duration::from_secs(69)));
        assert_eq!(wait("other", 69_999), Some(Duration::from_millis(1)));
        assert_eq!(wait("other", 70_000), None);
        assert_eq!(wait("one", 1_000), None, "nobody waits for their own place");
    }

    #[test]
    fn no_live_event_waits_in_the_line_of_bulk() {
        for (is_bulk, other_is_bulk, waits) in
            [(true, false, false), (true, true, true), (false, true, true), (false, false, true)]
        {
            let wait = booking(is_bulk).keeps_waiting("other", other_is_bulk, 1_000);
            assert_eq!(wait.is_some(), waits, "{is_bulk} {other_is_bulk}");
        }
    }
}
