//! Whether a service is called at all: not while most of its calls fail. A pure state; the script on Redis
//! says the same.
//!
//! Owns what opens it and what closes it. While it is open nobody calls. Then one call probes, and what
//! becomes of that decides. It refuses to judge a call: whoever made it says what it was.

use super::outcomes::Outcomes;

/// Nobody calls for so long, the first time; then twice as long each time, up to the longest.
pub(crate) const OPEN_MS: i64 = 5_000;
pub(crate) const LONGEST_OPEN_MS: i64 = 60_000;
/// A breaker that was closed for so long begins anew.
pub(crate) const CALM_MS: i64 = 60_000;
/// Doublings that are counted.
pub(crate) const MOST_STRIKES: u32 = 5;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The service answered, if only with a refusal.
    Passed,
    /// No answer, none in time, or one of a service that is broken (5xx).
    Failed,
    /// Cut off from here: nothing is known of the service.
    CutOff,
}

impl Ended {
    /// As the script on Redis calls it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::CutOff => "cut_off",
        }
    }
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Calls are made.
    Closed,
    /// Nobody calls before then.
    Open { until_ms: i64 },
    /// One call may probe.
    HalfOpen,
    /// One does, since then.
    Probed { since_ms: i64 },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Breaker {
    /// Calls of the last seconds.
    recent: Outcomes,
    /// 0 while it is closed.
    open_until_ms: i64,
    /// When it was closed last.
    closed_ms: i64,
    strikes: u32,
    /// The slot of the call that probes, which is the end of its lease; 0 if none does.
    probe_ms: i64,
    /// Whether somebody was told to come for the next probe.
    is_appointed: bool,
}

impl Breaker {
    pub(super) fn state(&self, lease_ms: i64, now_ms: i64) -> State {
        if self.open_until_ms == 0 {
            State::Closed
        } else if now_ms < self.open_until_ms {
            State::Open { until_ms: self.open_until_ms }
        } else if now_ms < self.probe_ms {
            State::Probed { since_ms: self.probe_ms - lease_ms }
        } else {
            State::HalfOpen
        }
    }

    /// Whether whoever asks is the one to come for the next probe.
    pub(super) fn appoint(&mut self) -> bool {
        !std::mem::replace(&mut self.is_appointed, true)
    }

    pub(super) fn probe(&mut self, slot_ms: i64) {
        self.probe_ms = slot_ms;
    }

    /// A worker's call has ended. Tells for how long it is open now, if that was a probe that failed: the
    /// next is another's, since this one may fail by its own fault.
    pub(super) fn ended(
        &mut self,
        worker: &str,
        slot_ms: i64,
        ended: Ended,
        cap: u32,
        now_ms: i64,
    ) -> Option<i64> {
        if self.open_until_ms == 0 {
            self.count(worker, ended, cap, now_ms);
            return None;
        }
        // What was begun before it opened says nothing new.
        if slot_ms != self.probe_ms {
            return None;
        }
        self.probe_ms = 0;
        match ended {
            Ended::Passed => {
                self.open_until_ms = 0;
                self.closed_ms = now_ms;
                // A worker that fails alone does not open it again at once.
                self.recent.note(worker, false, now_ms);
                None
            }
            Ended::Failed => {
                self.open(now_ms);
                Some(self.open_until_ms - now_ms)
            }
            Ended::CutOff => None,
        }
    }

    /// What has failed lately opens it no more: for one worker's own, since all know of it.
    pub(super) fn forget_calls(&mut self) {
        self.recent.clear();
    }

    /// Until when anything of it matters.
    pub(super) fn end_ms(&self) -> i64 {
        let recent_ms = self.recent.end_ms();
        recent_ms.max(self.open_until_ms + LONGEST_OPEN_MS).max(self.closed_ms + CALM_MS)
    }

    fn count(&mut self, worker: &str, ended: Ended, cap: u32, now_ms: i64) {
        let has_failed = match ended {
            Ended::Passed => false,
            Ended::Failed => true,
            Ended::CutOff => return,
        };
        self.recent.note(worker, has_failed, now_ms);
        if has_failed && self.recent.show_outage(cap, now_ms) {
            if now_ms - self.closed_ms > CALM_MS {
                self.strikes = 0;
            }
            self.open(now_ms);
        }
    }

    fn open(&mut self, now_ms: i64) {
        self.open_until_ms = now_ms + (OPEN_MS << self.strikes).min(LONGEST_OPEN_MS);
        self.strikes = (self.strikes + 1).min(MOST_STRIKES);
        self.recent.clear();
        self.is_appointed = false;
        self.probe_ms = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LEAST;

    const LEASE_MS: i64 = 15_000;

    fn called(breaker: &mut Breaker, ended: Ended, times: u32, now_ms: i64) {
        for _ in 0..times {
            assert_eq!(breaker.ended("a", now_ms, ended, 200, now_ms), None);
        }
    }

    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        called(&mut breaker, Ended::Failed, LEAST, 100_000);
        breaker
    }

    #[test]
    fn it_opens_when_half_of_enough_calls_fail_and_not_before() {
        let mut breaker = Breaker::default();
        called(&mut breaker, Ended::Failed, LEAST - 1, 1_000);
        assert_eq!(breaker.state(LEASE_MS, 1_000), State::Closed, "too few to say");
        called(&mut breaker, Ended::Passed, 40, 32_000);
        called(&mut breaker, Ended::Failed, 39, 33_000);
        called(&mut breaker, Ended::CutOff, 100, 33_000);
        assert_eq!(breaker.state(LEASE_MS, 33_000), State::Closed, "most were answered");
        called(&mut breaker, Ended::Failed, 1, 34_000);
        assert_eq!(breaker.state(LEASE_MS, 34_000), State::Open { until_ms: 39_000 });
    }

    #[test]
    fn where_few_may_call_at_once_fewer_are_enough() {
        let mut breaker = Breaker::default();
        for (call, state) in [(1, State::Closed), (2, State::Closed)] {
            let _ = breaker.ended("a", 0, Ended::Failed, 2, call * 1000);
            assert_eq!(breaker.state(LEASE_MS, call * 1000), state);
        }
        let _ = breaker.ended("a", 0, Ended::Failed, 2, 3000);
        assert_eq!(breaker.state(LEASE_MS, 3000), State::Open { until_ms: 8000 });
    }

    #[test]
    fn a_worker_that_fails_alone_shuts_nobody_out_once_another_was_answered() {
        let mut breaker = open();
        breaker.probe(105_000 + LEASE_MS);
        assert_eq!(breaker.ended("b", 105_000 + LEASE_MS, Ended::Passed, 200, 106_000), None);
        called(&mut breaker, Ended::Failed, 100, 107_000);
        assert_eq!(breaker.state(LEASE_MS, 107_000), State::Closed);
        assert_eq!(breaker.ended("b", 0, Ended::Failed, 200, 108_000), None);
        assert_eq!(breaker.state(LEASE_MS, 108_000), State::Open { until_ms: 118_000 });
    }

    #[test]
    fn one_probes_and_closes_it() {
        let mut breaker = open();
        called(&mut breaker, Ended::Passed, 50, 101_000);
        assert_eq!(breaker.state(LEASE_MS, 104_999), State::Open { until_ms: 105_000 });
        assert!(breaker.appoint() && !breaker.appoint());
        assert_eq!(breaker.state(LEASE_MS, 105_000), State::HalfOpen);
        breaker.probe(105_000 + LEASE_MS);
        assert_eq!(breaker.state(LEASE_MS, 106_000), State::Probed { since_ms: 105_000 });
        assert_eq!(breaker.ended("a", 105_000 + LEASE_MS, Ended::Passed, 200, 107_000), None);
        assert_eq!(breaker.state(LEASE_MS, 107_000), State::Closed);
    }

    #[test]
    fn each_probe_that_fails_opens_it_for_twice_as_long_up_to_a_minute() {
        let (mut breaker, mut now_ms) = (open(), 105_000);
        for open_ms in [10_000, 20_000, 40_000, 60_000, 60_000, 60_000] {
            breaker.probe(now_ms + LEASE_MS);
            let ended = breaker.ended("a", now_ms + LEASE_MS, Ended::Failed, 200, now_ms);
            assert_eq!(ended, Some(open_ms));
            assert!(breaker.appoint(), "the next probe is nobody's yet");
            now_ms += open_ms;
        }
        breaker.probe(now_ms + LEASE_MS);
        let _ = breaker.ended("a", now_ms + LEASE_MS, Ended::Passed, 200, now_ms);
        // Soon after it is still on its guard, and later it begins anew.
        for (later_ms, open_ms) in [(CALM_MS, 60_000), (3 * CALM_MS, 5_000)] {
            let mut again = breaker.clone();
            called(&mut again, Ended::Failed, LEAST, now_ms + later_ms);
            let until_ms = now_ms + later_ms + open_ms;
            assert_eq!(again.state(LEASE_MS, now_ms + later_ms), State::Open { until_ms });
        }
    }

    #[test]
    fn a_probe_that_is_cut_off_or_dies_makes_room_for_the_next() {
        let mut breaker = open();
        breaker.probe(105_000 + LEASE_MS);
        assert_eq!(breaker.ended("a", 105_000 + LEASE_MS, Ended::CutOff, 200, 106_000), None);
        assert_eq!(breaker.state(LEASE_MS, 106_000), State::HalfOpen);
        breaker.probe(106_000 + LEASE_MS);
        assert_eq!(breaker.state(LEASE_MS, 106_000 + LEASE_MS), State::HalfOpen);
        breaker.probe(150_000 + LEASE_MS);
        // The first one's end comes late.
        assert_eq!(breaker.ended("a", 106_000 + LEASE_MS, Ended::Passed, 200, 151_000), None);
        assert_eq!(breaker.state(LEASE_MS, 151_000), State::Probed { since_ms: 150_000 });
    }
}
