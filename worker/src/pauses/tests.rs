#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use super::*;

const WITHIN: Duration = Duration::from_secs(15);

/// A pause and a clock.
#[derive(Default)]
struct Clock {
    pause: Option<Pause>,
    now_ms: i64,
}

impl Clock {
    fn say(&mut self, word: Word) -> PauseState {
        let (pause, standing) = hear(self.pause, word, self.now_ms);
        self.pause = pause;
        standing
    }

    fn pass(&mut self, ms: i64) {
        self.now_ms += ms;
    }
}

fn paused(ms: u64) -> PauseState {
    PauseState::Paused(Duration::from_millis(ms))
}

#[test]
fn nothing_is_kept_of_what_is_accepted() {
    let mut clock = Clock::default();
    for word in [Word::Look, Word::Enter(WITHIN), Word::Accepted, Word::Untold] {
        assert_eq!((clock.say(word), clock.pause), (PauseState::Open, None));
    }
}

#[test]
fn it_begins_once_however_many_are_refused() {
    let mut clock = Clock::default();
    let begun = PauseState::Begun(Duration::from_secs(1));
    assert_eq!(clock.say(Word::Refused { is_try: false }), begun);
    clock.pass(400);
    for _ in 0..20 {
        assert_eq!(clock.say(Word::Refused { is_try: false }), paused(600));
        assert_eq!(clock.say(Word::Enter(WITHIN)), paused(600));
    }
}

#[test]
fn one_at_a_time_tries_after_waits_that_double() {
    let mut clock = Clock::default();
    clock.say(Word::Refused { is_try: false });
    let mut waits = Vec::new();
    for _ in 0..11 {
        let PauseState::Paused(wait) = clock.say(Word::Look) else { panic!("{:?}", clock.pause) };
        waits.push(wait.as_secs());
        clock.pass(i64::try_from(wait.as_millis()).unwrap());
        assert_eq!(clock.say(Word::Look), PauseState::Try, "to look is not to try");
        assert_eq!(clock.say(Word::Enter(WITHIN)), PauseState::Try);
        let tried = PauseState::Paused(wait);
        assert_eq!(clock.say(Word::Enter(WITHIN)), tried, "somebody does already");
        clock.say(Word::Refused { is_try: true });
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(clock.say(Word::Accepted), PauseState::Ended);
    assert_eq!(clock.say(Word::Enter(WITHIN)), PauseState::Open);
}

#[test]
fn who_never_says_how_it_went_is_followed_by_another() {
    let mut clock = Clock::default();
    clock.say(Word::Refused { is_try: false });
    clock.pass(1_000);
    assert_eq!(clock.say(Word::Enter(WITHIN)), PauseState::Try);
    clock.pass(14_500);
    assert_eq!(clock.say(Word::Enter(WITHIN)), paused(500));
    clock.pass(500);
    assert_eq!(clock.say(Word::Enter(WITHIN)), PauseState::Try);
}

#[test]
fn a_try_that_tells_nothing_is_followed_by_the_last_wait_again() {
    let mut clock = Clock::default();
    clock.say(Word::Refused { is_try: false });
    for _ in 0..3 {
        clock.pass(300_000);
        assert_eq!(clock.say(Word::Enter(WITHIN)), PauseState::Try);
        clock.say(Word::Refused { is_try: true });
    }
    for _ in 0..5 {
        assert_eq!(clock.say(Word::Look), paused(8_000));
        clock.pass(8_000);
        assert_eq!(clock.say(Word::Enter(WITHIN)), PauseState::Try);
        clock.pass(10_000);
        assert_eq!(clock.say(Word::Untold), paused(8_000));
    }
    clock.pass(8_000);
    assert_eq!(clock.say(Word::Untold), paused(0), "nobody tries");
    assert_eq!(clock.say(Word::Enter(WITHIN)), PauseState::Try);
    assert_eq!(clock.say(Word::Refused { is_try: true }), paused(16_000));
    assert_eq!(clock.say(Word::Untold), paused(16_000), "it was told");
}

#[test]
fn who_comes_while_somebody_tries_waits_what_is_left_of_the_last_wait() {
    let mut clock = Clock::default();
    clock.say(Word::Refused { is_try: false });
    for _ in 0..3 {
        clock.pass(300_000);
        clock.say(Word::Enter(WITHIN));
        clock.say(Word::Refused { is_try: true });
    }
    clock.pass(8_000);
    assert_eq!(clock.say(Word::Enter(WITHIN)), PauseState::Try);
    for (at_ms, left_ms) in [(0, 8_000), (5_000, 3_000), (6_900, 1_100), (9_000, 1_000)] {
        let now_ms = clock.now_ms;
        clock.pass(at_ms);
        for word in [Word::Look, Word::Enter(WITHIN), Word::Refused { is_try: false }] {
            assert_eq!(clock.say(word), paused(left_ms), "{at_ms} {word:?}");
        }
        clock.now_ms = now_ms;
    }
    clock.pass(14_800);
    assert_eq!(clock.say(Word::Enter(WITHIN)), paused(200));
}

#[test]
fn what_nobody_needs_is_forgotten() {
    let mut clock = Clock::default();
    clock.say(Word::Refused { is_try: false });
    clock.pass(1_000 + KEPT_MS - 1);
    assert_eq!(clock.say(Word::Look), PauseState::Try);
    clock.pass(1);
    assert_eq!(clock.say(Word::Look), PauseState::Open);
}
