//! Every course that a few runs can take at a service that is down at first: they call, are quick or slow,
//! crash and come again, and are put off.

use std::collections::HashSet;

use shared::broker::Lane;

use super::tests::{LEASE_MS, TIMEOUT_MS, asked};
use super::*;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Run {
    Due { at_ms: i64, is_placed: bool },
    Calling { slot_ms: i64, until_ms: i64, is_probe: bool },
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    now_ms: i64,
    gate: Gate,
    runs: [Run; 4],
    crashed: bool,
}

const LANES: [Lane; 4] = [Lane::Work, Lane::Work, Lane::Work, Lane::Bulk];
const UP_MS: i64 = 1_030_000;
const END_MS: i64 = 1_300_000;

impl World {
    /// Whatever can happen at the next moment at which something can.
    fn nexts(&self) -> Vec<Self> {
        let at = |run: &Run| match *run {
            Run::Due { at_ms, .. } => Some(at_ms),
            Run::Calling { until_ms, .. } => Some(until_ms),
            Run::Done => None,
        };
        let Some(now_ms) = self.runs.iter().filter_map(at).min() else { return Vec::new() };
        let now_ms = now_ms.max(self.now_ms);
        let mut nexts = Vec::new();
        for run in 0..self.runs.len() {
            if at(&self.runs[run]).is_some_and(|at_ms| at_ms <= now_ms) {
                let world = Self { now_ms, ..self.clone() };
                if !self.crashed && matches!(self.runs[run], Run::Calling { .. }) {
                    let mut next = world.clone();
                    next.crashed = true;
                    next.runs[run] = Run::Due { at_ms: now_ms + 3_000, is_placed: true };
                    nexts.push(next);
                }
                nexts.extend(world.stepped(run));
            }
        }
        nexts
    }

    fn stepped(&self, run: usize) -> Vec<Self> {
        let now_ms = self.now_ms;
        let mut next = self.clone();
        match self.runs[run] {
            Run::Due { is_placed, .. } => {
                match next.gate.enter(&asked(1, LANES[run], is_placed, 0), now_ms) {
                    Passage::Open { slot_ms, is_probe } => {
                        let others = self
                            .runs
                            .iter()
                            .filter(|run| matches!(run, Run::Calling { is_probe: true, .. }));
                        assert!(!is_probe || others.count() == 0, "two probes: {self:?}");
                        let long = if now_ms < UP_MS { [100, TIMEOUT_MS] } else { [50, 300] };
                        long.map(|long_ms| {
                            let mut next = next.clone();
                            let until_ms = now_ms + long_ms;
                            next.runs[run] = Run::Calling { slot_ms, until_ms, is_probe };
                            next
                        })
                        .into()
                    }
                    Passage::Full(wait_ms) | Passage::Shut(wait_ms) => {
                        assert!(wait_ms > 0, "nobody waits for nothing: {self:?}");
                        next.runs[run] = Run::Due { at_ms: now_ms + wait_ms, is_placed: true };
                        vec![next]
                    }
                }
            }
            Run::Calling { slot_ms, is_probe, .. } => {
                let has_failed = slot_ms - LEASE_MS < UP_MS;
                let ended = if has_failed { Ended::Failed } else { Ended::Passed };
                let left = next.gate.leave(slot_ms, ended, &asked(1, LANES[run], true, 0), now_ms);
                assert!(!(is_probe && has_failed) || left.is_some(), "an attempt: {self:?}");
                next.runs[run] = match left {
                    Some(wait_ms) => Run::Due { at_ms: now_ms + wait_ms, is_placed: true },
                    None if has_failed => Run::Due { at_ms: now_ms + 1000, is_placed: true },
                    None => Run::Done,
                };
                vec![next]
            }
            Run::Done => Vec::new(),
        }
    }
}

#[test]
fn in_every_course_one_probes_and_everybody_is_done_in_the_end() {
    let run = |run: i64| Run::Due { at_ms: 1_000_000 + run * 10, is_placed: false };
    let world = World {
        now_ms: 1_000_000,
        gate: Gate::default(),
        runs: [run(0), run(1), run(2), run(3)],
        crashed: false,
    };
    let mut seen = HashSet::new();
    let mut open = vec![world];
    while let Some(world) = open.pop() {
        assert!(world.now_ms < END_MS, "somebody is never done: {world:?}");
        for next in world.nexts() {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    assert!(seen.len() > 5_000, "{}", seen.len());
}
