//! Every course of one event through two workers: its message comes twice, handlers do a step, succeed
//! or fail, workers die or stand still and go on, leases run out, and the server loses the entry. What was
//! abandoned waits for its turn before it is claimed.

use std::collections::HashSet;

use super::*;

const ATTEMPTS: u32 = 2;
/// What a worker may not begin at once.
const APART: &[u32] = &[1, 2, 3];

/// What a worker is at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Worker {
    #[default]
    Idle,
    At {
        owned: Owned,
        /// Of its message.
        attempt: u32,
        stands_still: bool,
        at: At,
    },
    /// It has a message of this attempt in hand, and waits for its turn.
    Waits(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    /// Its handler runs.
    Work,
    /// The step's effect is done and kept, but not written.
    Kept,
    /// Its handler is done.
    Succeeded,
    /// Its handler has failed.
    Failed,
    /// The next attempt is published.
    Published,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct World {
    model: Model,
    workers: [Worker; 2],
    /// Attempts of the messages that wait.
    waiting: Vec<u32>,
    runs: u32,
    /// How often the step's effect was made.
    effects: u32,
    completed_by: Option<u32>,
    is_given_up: bool,
    /// The attempt from which on messages are live, as far as whoever said so was heard.
    floor: u32,
    deaths: u32,
    pauses: u32,
    losses: u32,
    /// Runs whose worker died or stood still.
    cut_short: u32,
    /// The entry was lost and nobody has written it anew.
    is_unmended: bool,
    /// It was lost, and whoever could have written it anew was gone or too late.
    is_forgotten: bool,
}

impl World {
    fn new() -> Self {
        Self { waiting: vec![0, 0], ..Self::default() }
    }

    fn nexts(&self) -> Vec<Self> {
        let mut nexts = Vec::new();
        for worker in 0..self.workers.len() {
            match &self.workers[worker] {
                Worker::Idle => {
                    let mut attempts = self.waiting.clone();
                    attempts.dedup();
                    nexts.extend(
                        attempts.into_iter().filter_map(|it| self.claimed(worker, it, APART)),
                    );
                }
                Worker::Waits(attempt) => {
                    let put_down = self.put_down(worker, Some(*attempt));
                    nexts.extend(put_down.claimed(worker, *attempt, &[]));
                    if self.deaths == 0 {
                        nexts.push(Self { deaths: 1, ..put_down });
                    }
                }
                Worker::At { stands_still: true, .. } => {
                    nexts.push(self.with(worker, |_, _, stands_still| *stands_still = false));
                }
                Worker::At { owned, attempt, at, .. } => {
                    nexts.extend(self.worked(worker, owned, *attempt, *at));
                    if self.pauses == 0 {
                        let mut next = self.with(worker, |_, _, still| *still = true);
                        next.pauses += 1;
                        next.cut_short += 1;
                        nexts.push(next);
                    }
                    if self.deaths == 0 {
                        let mut next = self.put_down(worker, Some(*attempt));
                        next.deaths += 1;
                        next.cut_short += 1;
                        next.is_forgotten |= next.is_unmended;
                        nexts.push(next);
                    }
                }
            }
        }
        if let Some(entry) = &self.model.entry {
            let owner_is_well = self.workers.iter().any(|worker| {
                matches!(worker, Worker::At { owned, stands_still: false, .. } if owned.run == entry.run)
            });
            if entry.state == State::Started && !entry.is_over && !owner_is_well {
                let mut next = self.clone();
                next.model.run_out();
                nexts.push(next);
            }
            // What is done and lost, nobody is there to write anew.
            if self.losses == 0 && entry.state != State::Completed {
                let mut next = self.clone();
                next.model.lose();
                next.losses += 1;
                next.is_unmended = true;
                nexts.push(next);
            }
        }
        nexts
    }

    /// The worker takes a message of `attempt`; nothing changes while somebody else holds the entry.
    fn claimed(&self, worker: usize, attempt: u32, apart: &[u32]) -> Option<Self> {
        let mut next = self.clone();
        next.take(attempt);
        match next.model.claim(self.runs + 1, attempt, apart) {
            Answer::Held => return None,
            Answer::Completed => assert!(next.completed_by.is_some(), "{self:?}"),
            Answer::Stale => assert!(attempt < next.floor, "{self:?}"),
            Answer::Apart(abandoned) => {
                assert!(abandoned <= self.cut_short, "blamed for no run: {self:?}");
                let entry = next.model.entry.as_ref();
                next.floor = next.floor.max(entry.map_or(0, |entry| entry.lowest));
                next.runs += u32::from(next.model != self.model);
                next.workers[worker] = Worker::Waits(attempt);
            }
            Answer::Started(owned) => {
                assert!(owned.abandoned <= self.cut_short, "blamed for no run: {self:?}");
                assert!(next.completed_by.is_none(), "what is done is run again: {self:?}");
                next.is_forgotten |= next.is_unmended;
                next.is_unmended = false;
                assert!(attempt >= next.floor || next.is_forgotten, "an old attempt: {self:?}");
                // Whoever runs a later attempt makes the earlier ones void.
                next.floor = next.floor.max(attempt);
                next.runs += 1;
                let (stands_still, at) = (false, At::Work);
                next.workers[worker] = Worker::At { owned, attempt, stands_still, at };
            }
        }
        Some(next)
    }

    /// What the worker may do next.
    fn worked(&self, worker: usize, owned: &Owned, attempt: u32, at: At) -> Vec<Self> {
        match at {
            At::Work => {
                let mut next = self.with(worker, |owned, at, _| {
                    if !owned.steps.contains_key(&0) {
                        owned.keep(0, 7);
                    }
                    *at = At::Kept;
                });
                next.effects += u32::from(!owned.steps.contains_key(&0));
                vec![next]
            }
            // The write takes too long, and the handler's time is up; or it is written or refused.
            At::Kept => {
                let too_late = self.with(worker, |_, at, _| *at = At::Failed);
                let (mut next, is_owner) = self.written(worker, Write::Remember);
                if is_owner {
                    let failed = next.with(worker, |_, at, _| *at = At::Failed);
                    next = next.with(worker, |_, at, _| *at = At::Succeeded);
                    vec![too_late, next, failed]
                } else {
                    vec![too_late, next.put_down(worker, Some(attempt))]
                }
            }
            At::Succeeded => {
                let (mut next, is_owner) = self.written(worker, Write::Complete);
                if !is_owner {
                    return vec![next.put_down(worker, Some(attempt))];
                }
                let earlier = next.completed_by.replace(owned.run);
                assert!(earlier.is_none_or(|run| run == owned.run), "both are done: {self:?}");
                vec![next.put_down(worker, None)]
            }
            At::Failed => {
                let (next, is_owner) = self.written(worker, Write::Extend);
                if !is_owner {
                    return vec![next.put_down(worker, Some(attempt))];
                }
                let mut next = next.with(worker, |_, at, _| *at = At::Published);
                if attempt + 1 < ATTEMPTS {
                    next.give(attempt + 1);
                } else {
                    next.is_given_up = true;
                }
                vec![next]
            }
            At::Published => {
                let next_attempt = Write::Release(Release::Next(attempt + 1));
                let (mut next, is_owner) = self.written(worker, next_attempt);
                if is_owner {
                    next.floor = next.floor.max(attempt + 1);
                }
                vec![next.put_down(worker, None)]
            }
        }
    }

    fn written(&self, worker: usize, write: Write) -> (Self, bool) {
        let mut next = self.clone();
        let Worker::At { owned, .. } = &mut next.workers[worker] else { panic!("{self:?}") };
        let was_missing = next.model.entry.is_none();
        let is_owner = next.model.write(owned, write);
        if was_missing {
            assert!(is_owner, "nobody else has it: {self:?}");
            // A run that is not the last one does not know how low attempts may be.
            next.is_forgotten |= owned.run != self.runs;
            next.is_unmended = false;
        }
        (next, is_owner)
    }

    fn with(&self, worker: usize, change: impl FnOnce(&mut Owned, &mut At, &mut bool)) -> Self {
        let mut next = self.clone();
        if let Worker::At { owned, at, stands_still, .. } = &mut next.workers[worker] {
            change(owned, at, stands_still);
        }
        next
    }

    /// The worker has nothing in hand any more; its message comes again, if there is one.
    fn put_down(&self, worker: usize, again: Option<u32>) -> Self {
        let mut next = self.clone();
        next.workers[worker] = Worker::Idle;
        if let Some(attempt) = again {
            next.give(attempt);
        }
        next
    }

    fn give(&mut self, attempt: u32) {
        self.waiting.push(attempt);
        self.waiting.sort_unstable();
    }

    fn take(&mut self, attempt: u32) {
        let place = self.waiting.iter().position(|waiting| *waiting == attempt);
        self.waiting.remove(place.unwrap_or_else(|| panic!("no attempt {attempt}: {self:?}")));
    }

    /// What must hold when nothing can happen any more.
    fn check_end(&self) {
        assert!(self.waiting.is_empty(), "a message waits without end: {self:?}");
        assert!(self.completed_by.is_some() || self.is_given_up, "it is lost: {self:?}");
        // A death between the effect and its being written, standing still, and a loss that nobody was
        // there to mend do it again; nothing else does.
        let may_repeat = self.deaths + self.pauses + u32::from(self.is_forgotten);
        assert!(self.effects <= 1 + may_repeat, "done again for no reason: {self:?}");
    }
}

#[test]
fn in_every_course_one_run_at_most_is_done_and_nothing_is_repeated_without_a_reason() {
    let mut seen = HashSet::new();
    let mut open = vec![World::new()];
    let mut ends = 0;
    while let Some(world) = open.pop() {
        let nexts = world.nexts();
        if nexts.is_empty() {
            world.check_end();
            ends += 1;
        }
        for next in nexts {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    assert!(seen.len() > 10_000 && ends > 10, "{} worlds, {ends} ends", seen.len());
}
