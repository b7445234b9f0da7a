//! The limits of one process, in its memory: nobody else asks in their name. A restart forgets a
//! window's requests; should the other side mind, it says so and is left alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::breaker::Ended;
use super::cap;
use super::gate::{Gate, Passage};
use super::line::{Asked, Line};
use super::{Asker, Caller, Limit, Of, Room, Seen, Way};

/// So many limits are kept before those are looked for that are over.
const MANY: usize = 1000;

/// Every limit that somebody has asked at, and every service.
#[derive(Debug)]
pub(crate) struct Lines {
    begun: Instant,
    windows: Mutex<HashMap<String, (Line, i64)>>,
    gates: Mutex<HashMap<String, Gate>>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { begun: Instant::now(), windows: Mutex::default(), gates: Mutex::default() }
    }
}

impl Lines {
    pub(crate) fn take(&self, limit: &Limit, asker: Asker<'_>) -> Room {
        self.take_at(limit, asker, self.now_ms())
    }

    pub(crate) fn hold(&self, limit: &Limit, wait: Duration) {
        self.hold_at(limit, wait, self.now_ms());
    }

    /// Lets a call through; without taking a slot if that `is_asking` only.
    pub(crate) fn enter(&self, way: &Way, caller: Caller<'_>, is_asking: bool) -> Passage {
        self.enter_at(way, caller, is_asking, self.now_ms())
    }

    /// A call has ended.
    pub(crate) fn leave(
        &self,
        way: &Way,
        caller: Caller<'_>,
        slot_ms: i64,
        ended: Ended,
    ) -> Option<i64> {
        self.leave_at(way, caller, "", slot_ms, ended, self.now_ms())
    }

    /// Every limit and service that is known.
    pub(crate) fn limits(&self) -> Vec<Seen> {
        let now_ms = self.now_ms();
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let requests =
            windows.iter().map(|(key, (line, _))| (Of::Requests, key, line.sight(now_ms)));
        let mut seen: Vec<Seen> =
            requests.map(|(of, key, sight)| Seen::new(of, key, sight)).collect();
        drop(windows);
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(gates.iter().map(|(key, gate)| Seen::new(Of::Calls, key, gate.sight(now_ms))));
        seen
    }

    /// What one of them is then; `None` if nobody has asked there.
    #[cfg(test)]
    pub(crate) fn sight_at(&self, of: Of, key: &str, now_ms: i64) -> Option<super::Sight> {
        match of {
            Of::Requests => self.windows.lock().ok()?.get(key).map(|(line, _)| line.sight(now_ms)),
            Of::Calls => self.gates.lock().ok()?.get(key).map(|gate| gate.sight(now_ms)),
        }
    }

    pub(crate) fn take_at(&self, limit: &Limit, asker: Asker<'_>, now_ms: i64) -> Room {
        let Asker { origin, lane, standing, waited } = asker;
        let sharing = limit.is_shared.then_some(origin);
        let (window_ms, waited_ms) = (millis(limit.window), millis(waited));
        let request = Asked { sharing, size: limit.size, window_ms, lane, standing, waited_ms };
        self.with(limit, now_ms, |line| line.take(&request, now_ms))
    }

    pub(crate) fn hold_at(&self, limit: &Limit, wait: Duration, now_ms: i64) {
        self.with(limit, now_ms, |line| line.hold(millis(wait), now_ms));
    }

    pub(crate) fn enter_at(
        &self,
        way: &Way,
        caller: Caller<'_>,
        is_asking: bool,
        now_ms: i64,
    ) -> Passage {
        let asked = asked(way, caller, "", is_asking);
        self.at(way, now_ms, |gate| gate.enter(&asked, now_ms))
    }

    pub(crate) fn leave_at(
        &self,
        way: &Way,
        caller: Caller<'_>,
        worker: &str,
        slot_ms: i64,
        ended: Ended,
        now_ms: i64,
    ) -> Option<i64> {
        let asked = asked(way, caller, worker, false);
        self.at(way, now_ms, |gate| gate.leave(slot_ms, ended, &asked, now_ms))
    }

    fn with<T>(&self, limit: &Limit, now_ms: i64, work: impl FnOnce(&mut Line) -> T) -> T {
        let mut lines = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= MANY && !lines.contains_key(&limit.key) {
            lines.retain(|_, (line, window_ms)| !line.is_over(*window_ms, now_ms));
        }
        let fresh = || (Line::default(), millis(limit.window));
        work(&mut lines.entry(limit.key.clone()).or_insert_with(fresh).0)
    }

    fn at<T>(&self, way: &Way, now_ms: i64, work: impl FnOnce(&mut Gate) -> T) -> T {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.len() >= MANY && !gates.contains_key(&way.key) {
            gates.retain(|_, gate| gate.end_ms() > now_ms);
        }
        work(gates.entry(way.key.clone()).or_default())
    }

    /// Since it began, and so after whatever is 0 in a line that is new: no clock of the day's steps
    /// back here.
    fn now_ms(&self) -> i64 {
        millis(self.begun.elapsed()).saturating_add(1)
    }
}

pub(super) fn asked<'a>(
    way: &Way,
    caller: Caller<'a>,
    worker: &'a str,
    is_asking: bool,
) -> cap::Asked<'a> {
    let Caller { origin, lane, is_placed, waited } = caller;
    let (cap, lease_ms, waited_ms) = (way.cap, millis(way.lease), millis(waited));
    cap::Asked { origin, worker, cap, lease_ms, lane, is_placed, is_asking, waited_ms }
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
