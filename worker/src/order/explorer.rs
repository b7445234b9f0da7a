//! Random courses of a record's events: they come in any order, fail, are put off, and their workers die.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use shared::testing::Dice;

use super::*;

const LEASE_MS: i64 = 70_000;
const HOLD_MS: i64 = 300_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// To come, for the first time or again.
    Due(i64),
    /// Until then.
    Going(i64),
    Done,
    Dead,
    Broken,
}

#[derive(Clone, Debug)]
struct Event {
    who: Comer,
    stands: Stands,
    has_come: bool,
    failed_ms: Option<i64>,
    /// Whether one before it ended so that all who had come were taken along.
    is_taken: bool,
    /// Of the next runs so many fail.
    fails: u32,
}

impl Event {
    fn is_left(&self) -> bool {
        matches!(self.stands, Stands::Due(_) | Stands::Going(_))
    }

    fn is_before(&self, other: &Self) -> bool {
        (self.who.at_ms, &self.who.id) < (other.who.at_ms, &other.who.id)
            && (!self.who.is_bulk || other.who.is_bulk)
    }

    fn is_over(&self, now_ms: i64) -> bool {
        self.failed_ms.is_some_and(|failed_ms| now_ms >= failed_ms + HOLD_MS)
    }
}

struct Course {
    dice: Dice,
    line: Line,
    terms: Terms,
    events: Vec<Event>,
}

impl Course {
    fn of(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let takes_along = seed.is_multiple_of(2);
        let terms = Terms { hold: Duration::from_millis(300_000), takes_along };
        let mut events = Vec::new();
        for number in 0..2 + dice.below(10) {
            // Events of one moment are normal.
            let (at_ms, is_bulk) = (dice.small(6), dice.below(5) == 0);
            let who = Comer { id: format!("e{number}"), at_ms, is_bulk };
            let first_ms = 1_000_000 + dice.one_of(&[0_i64, 1, 30, 900, 40_000]);
            let fails = dice.one_of(&[0, 0, 0, 1, 3, 20]);
            let (stands, failed_ms) = (Stands::Due(first_ms), None);
            events.push(Event { who, stands, has_come: false, failed_ms, is_taken: false, fails });
        }
        Self { dice, line: Line::default(), terms, events }
    }

    fn hear(&mut self, own: usize, word: Word, now_ms: i64) -> Turn {
        let who = self.events[own].who.clone();
        self.line.hear(&who, &self.terms, word, now_ms)
    }

    fn comes(&mut self, own: usize, now_ms: i64) {
        let turn = self.hear(own, Word::Enter(Duration::from_millis(70_000)), now_ms);
        let event = self.events[own].clone();
        let is_other = |it: &usize| *it != own;
        let others: Vec<Event> =
            (0..self.events.len()).filter(is_other).map(|it| self.events[it].clone()).collect();
        let is_going = |event: &&Event| matches!(event.stands, Stands::Going(_));
        self.events[own].has_come = true;
        match turn {
            Turn::Go => {
                assert!(!others.iter().any(|other| is_going(&other)), "beside another: {event:?}");
                let passed = others.iter().find(|other| {
                    other.is_left()
                        && other.has_come
                        && !other.is_taken
                        && !other.is_over(now_ms)
                        && other.is_before(&event)
                });
                assert!(passed.is_none(), "{event:?} passes {passed:?}");
                assert!(!event.is_taken, "{event:?} was taken along");
                self.events[own].stands =
                    Stands::Going(now_ms + self.dice.one_of(&[5, 200, 9_000]));
            }
            Turn::Wait { wait, .. } => {
                let wait_ms = millis(wait);
                assert!((1..=LONGEST_MS + 20 * STEP_MS).contains(&wait_ms), "{wait_ms}");
                assert!(others.iter().any(|other| other.is_left() && other.has_come));
                let late_ms = i64::try_from(self.dice.below(10)).unwrap() * wait_ms / 100;
                self.events[own].stands = Stands::Due(now_ms + wait_ms + late_ms);
            }
            Turn::Broken => {
                assert!(self.terms.takes_along);
                let by = |other: &Event| {
                    other.is_left() && other.is_over(now_ms) && other.is_before(&event)
                };
                assert!(event.is_taken || others.iter().any(by), "{event:?} by nobody");
                self.hear(own, Word::Done, now_ms);
                self.events[own].stands = Stands::Broken;
            }
            Turn::Noted => panic!("{event:?} asked"),
        }
    }

    fn ends(&mut self, own: usize, now_ms: i64) {
        let back_ms = self.dice.one_of(&[1_000, 20_000, 100_000]);
        let back = Duration::from_millis(u64::try_from(back_ms).unwrap());
        let event = &mut self.events[own];
        let word = match self.dice.below(10) {
            // Its worker dies: the event comes again once nobody has it.
            0 => {
                event.stands = Stands::Due(now_ms + LEASE_MS);
                return;
            }
            1 | 2 => Word::PutOff(back),
            3 if event.fails > 0 => Word::Dead,
            _ if event.fails > 0 => Word::Failed(back),
            _ => Word::Done,
        };
        event.stands = match word {
            Word::Done => Stands::Done,
            Word::Dead => Stands::Dead,
            _ => Stands::Due(now_ms + back_ms),
        };
        let event = event.clone();
        if matches!(word, Word::Failed(_)) {
            self.events[own].fails -= 1;
            self.events[own].failed_ms = event.failed_ms.or(Some(now_ms));
        }
        let breaks = word == Word::Dead || (word == Word::Done && event.is_over(now_ms));
        if self.terms.takes_along && breaks {
            for other in &mut self.events {
                other.is_taken |= other.has_come && other.is_left() && event.is_before(other);
            }
        }
        self.hear(own, word, now_ms);
    }

    fn run(mut self) -> [usize; 3] {
        let mut steps = 0;
        loop {
            let at = |event: &Event| match event.stands {
                Stands::Due(at_ms) | Stands::Going(at_ms) => Some(at_ms),
                _ => None,
            };
            let next = (0..self.events.len())
                .filter_map(|own| at(&self.events[own]).map(|at_ms| (at_ms, own)))
                .min();
            let Some((now_ms, own)) = next else { break };
            steps += 1;
            assert!(steps < 20_000, "somebody is never done: {:?}", self.events);
            match self.events[own].stands {
                Stands::Due(_) => self.comes(own, now_ms),
                _ => self.ends(own, now_ms),
            }
        }
        assert_eq!(self.line, Line::default(), "something is left of what has ended");
        [Stands::Done, Stands::Dead, Stands::Broken]
            .map(|end| self.events.iter().filter(|event| event.stands == end).count())
    }
}

#[test]
fn in_every_course_one_goes_at_a_time_none_passes_one_that_holds_it_and_all_come_to_an_end() {
    let mut ends = [0, 0, 0];
    for seed in 0..4_000 {
        for (sum, count) in ends.iter_mut().zip(Course::of(seed).run()) {
            *sum += count;
        }
    }
    assert!(ends.iter().all(|count| *count > 500), "{ends:?}");
}
