#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use super::*;

const LEASE: Duration = Duration::from_secs(60);
const HOLD_MS: i64 = 300_000;
const GO_ON: Terms = Terms { hold: Duration::from_secs(300), takes_along: false };
const TAKE_ALONG: Terms = Terms { takes_along: true, ..GO_ON };

/// The line of one record, and a clock.
struct Record {
    line: Line,
    terms: Terms,
    now_ms: i64,
}

impl Record {
    fn on(terms: Terms) -> Self {
        Self { line: Line::default(), terms, now_ms: 1_000_000 }
    }

    fn say(&mut self, at_ms: i64, word: Word) -> Turn {
        self.say_of(&live(at_ms), word)
    }

    fn say_of(&mut self, who: &Comer, word: Word) -> Turn {
        self.line.hear(who, &self.terms, word, self.now_ms)
    }

    fn enter(&mut self, at_ms: i64) -> Turn {
        self.say(at_ms, Word::Enter(LEASE))
    }

    fn waits(&mut self, at_ms: i64) -> i64 {
        match self.enter(at_ms) {
            Turn::Wait { wait, .. } => millis(wait),
            other => panic!("{at_ms}: {other:?}"),
        }
    }

    /// It goes, and ends so.
    fn goes(&mut self, at_ms: i64, word: Word) {
        assert_eq!(self.enter(at_ms), Turn::Go, "{at_ms} in {:?}", self.line);
        self.now_ms += 20;
        assert_eq!(self.say(at_ms, word), Turn::Noted);
    }
}

fn comer(at_ms: i64, is_bulk: bool) -> Comer {
    Comer { id: format!("e{at_ms:06}"), at_ms, is_bulk }
}

fn live(at_ms: i64) -> Comer {
    comer(at_ms, false)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn one_goes_at_a_time_and_then_the_oldest_that_has_come() {
    let mut record = Record::on(GO_ON);
    assert_eq!(record.enter(5), Turn::Go);
    for at_ms in [3, 1, 4, 2] {
        assert!(matches!(record.enter(at_ms), Turn::Wait { is_near: true, .. }), "{at_ms}");
    }
    record.say(5, Word::Done);
    for at_ms in 1..=4 {
        for later in at_ms + 1..=4 {
            assert!(matches!(record.enter(later), Turn::Wait { is_near: false, .. }), "{later}");
        }
        record.goes(at_ms, Word::Done);
    }
    assert_eq!(record.line, Line::default(), "nothing is kept of what is done");
}

#[test]
fn events_of_one_moment_have_an_order_too() {
    let mut record = Record::on(GO_ON);
    let who = ["a", "b", "c"].map(|id| Comer { id: id.to_owned(), ..live(7) });
    assert_eq!(record.say_of(&live(1), Word::Enter(LEASE)), Turn::Go);
    for comer in who.iter().rev() {
        assert_ne!(record.say_of(comer, Word::Enter(LEASE)), Turn::Go);
    }
    record.say(1, Word::Done);
    for comer in &who {
        assert_eq!(record.say_of(comer, Word::Enter(LEASE)), Turn::Go, "{comer:?}");
        record.say_of(comer, Word::Done);
    }
}

#[test]
fn who_is_further_behind_comes_later_and_nobody_much_later_than_the_one_before() {
    let mut record = Record::on(GO_ON);
    assert_eq!(record.enter(0), Turn::Go);
    let waits: Vec<i64> = (1..=20).map(|at_ms| record.waits(at_ms)).collect();
    assert_eq!(waits, (1..=20).map(|place| place * STEP_MS).collect::<Vec<_>>());
    // One that takes long is not asked after again and again.
    record.now_ms += 30_000;
    assert_eq!(record.waits(1), 15_000 + STEP_MS);
    record.now_ms += 30_000;
    assert_eq!(record.waits(1), AGAIN_MS + STEP_MS, "its lease is over");
    record.enter(0);
    record.say(0, Word::PutOff(seconds(3)));
    assert_eq!(record.waits(1), 3_000 + STEP_MS);
    record.enter(0);
    record.say(0, Word::Failed(seconds(3_600)));
    assert_eq!(record.waits(2), LONGEST_MS + 2 * STEP_MS);
    record.now_ms += HOLD_MS - 2_000;
    assert_eq!(record.waits(1), 2_000 + STEP_MS, "until its hold is over");
}

#[test]
fn one_that_fails_holds_its_record_for_a_bounded_time_and_then_they_go_on() {
    let mut record = Record::on(GO_ON);
    record.goes(1, Word::Failed(seconds(60)));
    for _ in 0..4 {
        record.waits(2);
        record.now_ms += 60_000;
        record.goes(1, Word::Failed(seconds(60)));
    }
    record.waits(3);
    record.now_ms += 60_000;
    for at_ms in [2, 3, 4] {
        record.goes(at_ms, Word::Done);
    }
    // It comes by itself, and holds nobody a second time.
    record.goes(1, Word::Failed(seconds(60)));
    record.goes(5, Word::Done);
    record.goes(1, Word::Done);
    assert_eq!(record.line, Line::default());
}

#[test]
fn one_that_fails_for_too_long_takes_along_what_comes_until_it_ends() {
    let mut record = Record::on(TAKE_ALONG);
    record.goes(10, Word::Failed(seconds(3_600)));
    for at_ms in [11, 12] {
        record.waits(at_ms);
    }
    record.now_ms += HOLD_MS;
    for at_ms in [11, 13] {
        assert_eq!(record.enter(at_ms), Turn::Broken);
        assert_eq!(record.enter(at_ms), Turn::Broken, "an answer that was lost");
        record.say(at_ms, Word::Done);
    }
    record.goes(9, Word::Done);
    record.goes(10, Word::Done);
    assert_eq!(record.enter(12), Turn::Broken, "it had come before");
    record.goes(14, Word::Done);
    record.goes(15, Word::Done);
    record.say(12, Word::Done);
    assert_eq!(record.line, Line::default());
}

#[test]
fn one_that_is_given_up_takes_along_who_waits_and_after_that_the_line_is_as_new() {
    for (terms, is_taken) in [(TAKE_ALONG, true), (GO_ON, false)] {
        let mut record = Record::on(terms);
        assert_eq!(record.enter(10), Turn::Go);
        for at_ms in [9, 11] {
            record.waits(at_ms);
        }
        record.say(10, Word::Dead);
        record.goes(9, Word::Done);
        if is_taken {
            assert_eq!(record.enter(11), Turn::Broken);
            record.say(11, Word::Done);
        }
        for at_ms in [11, 12] {
            record.goes(at_ms, Word::Done);
        }
        assert_eq!(record.line, Line::default());
    }
}

/// It may be done after all.
#[test]
fn nobody_is_taken_along_while_one_that_failed_for_too_long_is_tried_again() {
    let mut record = Record::on(TAKE_ALONG);
    record.goes(10, Word::Failed(seconds(3_600)));
    record.now_ms += HOLD_MS;
    assert_eq!(record.enter(10), Turn::Go);
    assert!(matches!(record.enter(11), Turn::Wait { is_near: true, .. }));
    record.say(10, Word::Done);
    assert_eq!(record.enter(11), Turn::Broken);
}

#[test]
fn one_that_only_waits_keeps_its_place_and_has_not_failed() {
    for terms in [GO_ON, TAKE_ALONG] {
        let mut record = Record::on(terms);
        for _ in 0..20 {
            record.goes(1, Word::PutOff(seconds(60)));
            record.waits(2);
            record.now_ms += 60_000;
        }
        record.goes(1, Word::Done);
        record.goes(2, Word::Done);
    }
}

#[test]
fn a_worker_that_dies_holds_its_record_no_longer_than_its_lease_and_a_while() {
    let mut record = Record::on(GO_ON);
    assert_eq!(record.enter(1), Turn::Go);
    record.waits(2);
    // Its event comes again, and goes at once.
    record.now_ms += 30_000;
    assert_eq!(record.enter(1), Turn::Go);
    // And never again.
    record.now_ms += millis(LEASE);
    assert_eq!(record.waits(2), AGAIN_MS + STEP_MS);
    record.now_ms += LOST_MS;
    record.goes(2, Word::Done);
    assert_eq!(record.line, Line::default());
}

#[test]
fn one_that_should_have_been_back_is_waited_for_and_then_forgotten() {
    let mut record = Record::on(GO_ON);
    record.goes(1, Word::PutOff(seconds(8)));
    record.now_ms += 10_000 + LATE_MS - 1;
    record.waits(2);
    record.now_ms += 1;
    record.goes(2, Word::Done);
}

#[test]
fn what_comes_of_bulk_holds_nothing_live_and_goes_beside_nothing() {
    let mut record = Record::on(TAKE_ALONG);
    let bulk = |at_ms| comer(at_ms, true);
    assert_eq!(record.say_of(&bulk(1), Word::Enter(LEASE)), Turn::Go);
    record.waits(3);
    record.say_of(&bulk(1), Word::Failed(seconds(60)));
    assert!(matches!(record.say_of(&bulk(2), Word::Enter(LEASE)), Turn::Wait { .. }));
    record.goes(3, Word::Done);
    record.now_ms += HOLD_MS;
    record.goes(4, Word::Done);
    assert_eq!(record.say_of(&bulk(2), Word::Enter(LEASE)), Turn::Broken);
}

#[test]
fn of_very_many_the_oldest_are_remembered_and_the_others_come_again() {
    let most = i64::try_from(MOST).unwrap();
    let mut record = Record::on(GO_ON);
    assert_eq!(record.enter(1_000), Turn::Go);
    for at_ms in (1_001..=1_000 + 2 * most).rev() {
        record.waits(at_ms);
        assert!(record.line.0.len() <= MOST);
    }
    record.say(1_000, Word::Done);
    for at_ms in 1_001..=1_000 + 2 * most {
        record.goes(at_ms, Word::Done);
    }
}

#[test]
fn of_very_many_that_failed_no_more_are_remembered_either() {
    let mut record = Record::on(Terms { hold: seconds(1), ..GO_ON });
    for at_ms in 0..i64::try_from(MOST).unwrap() + 20 {
        record.goes(at_ms, Word::Failed(seconds(400)));
        record.now_ms += 1_000;
        assert!(record.line.0.len() <= MOST);
    }
    assert_eq!(record.line.0.len(), MOST);
}

/// Each record has three events, one in a hundred fails for ever. Nobody else is ever told to wait.
#[test]
fn of_ten_thousand_records_those_that_fail_hold_no_other() {
    let orders = Orders::default();
    let mut waits = [0, 0];
    let mut now_ms = 1;
    for round in 0..3_i64 {
        for number in 0..10_000 {
            now_ms += 1;
            let is_failing = number % 100 == 7;
            let (record, who) = (format!("r/hubspot/1/deal/{number}"), live(round));
            match orders.hear_at(&record, &who, &GO_ON, Word::Enter(LEASE), now_ms) {
                Turn::Go => {
                    let ended = if is_failing { Word::Failed(seconds(60)) } else { Word::Done };
                    orders.hear_at(&record, &who, &GO_ON, ended, now_ms);
                }
                _ => waits[usize::from(is_failing)] += 1,
            }
        }
    }
    assert_eq!(waits, [0, 200]);
    assert_eq!(orders.count(), 100, "of the others nothing is kept");
}
