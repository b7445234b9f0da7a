//! Every course that a few runs can take at a small limit: they come in any order and lane, are slow or
//! quick, crash and come again, are put off, and the other side asks to be left alone.

use std::collections::HashSet;

use super::*;

const SIZE: u32 = 2;
const WINDOW_MS: i64 = 4;
/// Nobody comes later than this after their time.
const LATE_MS: i64 = 2;
/// Nothing takes longer than this: beyond, everybody must be done.
const END_MS: i64 = 400;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Run {
    /// Has not come yet.
    Away,
    /// Comes, or may come, at this time.
    Due {
        at_ms: i64,
        placed: bool,
    },
    /// Has made its first of two requests.
    Begun {
        at_ms: i64,
    },
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    now_ms: i64,
    line: Line,
    runs: [Run; 3],
    /// Whether somebody has crashed yet, and whether the other side has complained.
    crashed: bool,
    held: bool,
    /// Whether the runs are of two origins that share the limit.
    is_shared: bool,
}

const LANES: [Lane; 3] = [Lane::Work, Lane::Work, Lane::Bulk];
/// Those that share it: the last two come from one.
const SHARING: [Lane; 3] = [Lane::Work, Lane::Work, Lane::Work];
const ORIGINS: [&str; 3] = ["hubspot/2", "hubspot/1", "hubspot/1"];

impl World {
    fn new(is_shared: bool) -> Self {
        let (line, runs) = (Line::default(), [Run::Away; 3]);
        Self { now_ms: 1, line, runs, crashed: false, held: is_shared, is_shared }
    }

    /// What can happen next.
    fn nexts(&self) -> Vec<Self> {
        let mut nexts = Vec::new();
        for run in 0..self.runs.len() {
            match self.runs[run] {
                Run::Away if self.now_ms < 4 => nexts.push(self.asked(run, false, false)),
                Run::Due { at_ms, placed } if at_ms <= self.now_ms => {
                    nexts.push(self.asked(run, placed, false));
                    if !self.crashed {
                        // Its message comes again, with the place that it says.
                        let mut next = self.clone();
                        next.crashed = true;
                        next.runs[run] = Run::Due { at_ms: self.now_ms + 2, placed };
                        nexts.push(next);
                    }
                }
                Run::Begun { at_ms } if at_ms <= self.now_ms => {
                    nexts.push(self.asked(run, true, true));
                    if !self.crashed {
                        let mut next = self.clone();
                        next.crashed = true;
                        next.runs[run] = Run::Due { at_ms: self.now_ms + 2, placed: true };
                        nexts.push(next);
                    }
                }
                _ => {}
            }
        }
        if !self.held && self.now_ms == 3 {
            let mut next = self.clone();
            next.held = true;
            next.line.hold(5, self.now_ms);
            nexts.push(next);
        }
        let mut later = self.clone();
        later.now_ms += 1;
        // Nobody comes late without end: whoever is due comes in time, or nearly.
        let is_late = |run: &Run| match *run {
            Run::Due { at_ms, .. } | Run::Begun { at_ms } => at_ms + LATE_MS <= self.now_ms,
            Run::Away => self.now_ms >= 3,
            Run::Done => false,
        };
        if !self.runs.iter().any(is_late) {
            nexts.push(later);
        }
        nexts
    }

    fn asked(&self, run: usize, placed: bool, begun: bool) -> Self {
        let mut next = self.clone();
        let standing = match (begun, placed) {
            (true, _) => Standing::UnderWay,
            (false, true) => Standing::Placed { requests: 2.0 },
            (false, false) => Standing::New { requests: 2.0 },
        };
        let lane = if self.is_shared { SHARING[run] } else { LANES[run] };
        let sharing = self.is_shared.then_some(ORIGINS[run]);
        let asked =
            Asked { sharing, size: Some(SIZE), window_ms: WINDOW_MS, lane, standing, waited_ms: 0 };
        let wait = |wait: std::time::Duration| {
            let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            assert!(wait_ms > 0, "nobody waits for nothing: {self:?}");
            self.now_ms + wait_ms
        };
        next.runs[run] = match next.line.take(&asked, self.now_ms) {
            Room::Granted if begun => Run::Done,
            Room::Granted => Run::Begun { at_ms: self.now_ms },
            Room::Soon(soon) if begun => Run::Begun { at_ms: wait(soon) },
            Room::Soon(soon) => Run::Due { at_ms: wait(soon), placed: true },
            Room::Place(place) => {
                // Unless it gives its place up to another origin.
                assert!(!begun && (!placed || self.is_shared), "sent to the end: {self:?}");
                Run::Due { at_ms: wait(place), placed: true }
            }
        };
        // For people only: nothing hangs on it, and every history would be a state of its own.
        next.line.waits = Waits::default();
        assert!(next.line.granted.count() <= SIZE, "more than the limit: {next:?}");
        next
    }
}

#[test]
fn in_every_course_no_window_has_too_many_and_everybody_is_done_in_the_end() {
    assert!(explore(World::new(false)) > 10_000);
}

#[test]
fn the_same_holds_where_origins_share_the_limit() {
    assert!(explore(World::new(true)) > 10_000);
}

/// How many states there are; panics if one of them cannot be.
fn explore(world: World) -> usize {
    let mut seen = HashSet::new();
    let mut open = vec![world];
    while let Some(world) = open.pop() {
        assert!(world.now_ms < END_MS, "somebody is never done: {world:?}");
        for next in world.nexts() {
            if next.runs.iter().all(|run| *run == Run::Done) {
                continue;
            }
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    seen.len()
}
