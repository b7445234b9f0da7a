//! Random courses of records' lines, through the script and in memory: both must answer the same.

use std::time::Duration;

use deadpool_redis::redis::cmd;
use shared::testing::Dice;

use super::Scripts;
use crate::ledger::redis::order;
use crate::ledger::redis::script::Script;
use crate::order::{Comer, MOST, Orders, Terms, Turn, Word};

const RECORDS: [&str; 2] = ["r/hubspot/1/deal/1", "r/hubspot/1/deal/2"];

/// One record's line, on both.
struct Both {
    orders: Orders,
    scripts: Scripts,
}

impl Both {
    async fn say(&mut self, record: &str, who: &Comer, terms: &Terms, word: Word) -> Turn {
        let arguments = order::arguments(who, terms, word);
        let reply = self.scripts.run(Script::Order, record, arguments).await;
        let turn = self.orders.hear_at(record, who, terms, word, self.scripts.now_ms);
        assert_eq!(order::read(reply), Some(turn), "{word:?} of {who:?} in {record}");
        turn
    }
}

async fn both() -> Both {
    let (orders, mut scripts) = (Orders::default(), Scripts::open().await);
    scripts.now_ms = 1_000_000;
    Both { orders, scripts }
}

async fn play(seed: u64, steps: usize) -> [usize; 3] {
    let (mut dice, mut both, mut turns) = (Dice(seed), both().await, [0, 0, 0]);
    for _ in 0..steps {
        if dice.below(4) == 0 {
            both.scripts.now_ms += dice.one_of(&[1, 50, 999, 20_000, 70_000, 130_000, 400_000]);
        }
        let hold = Duration::from_secs(dice.one_of(&[60, 300]));
        let terms = Terms { hold, takes_along: dice.below(2) == 0 };
        let number = dice.below(9);
        let (at_ms, is_bulk) = (i64::try_from(number / 2).unwrap(), number.is_multiple_of(5));
        let who = Comer { id: format!("{number:x}0"), at_ms, is_bulk };
        let span = Duration::from_millis(dice.one_of(&[0, 7, 1_500, 60_000, 200_000]));
        let enter = Word::Enter(span);
        let word = dice.one_of(&[
            enter,
            enter,
            enter,
            Word::Done,
            Word::Dead,
            Word::Failed(span),
            Word::PutOff(span),
        ]);
        match both.say(dice.one_of(&RECORDS), &who, &terms, word).await {
            Turn::Go => turns[0] += 1,
            Turn::Wait { .. } => turns[1] += 1,
            Turn::Broken => turns[2] += 1,
            Turn::Noted => {}
        }
    }
    turns
}

#[tokio::test]
async fn script_and_memory_answer_the_same_to_random_courses_of_records() {
    let mut sums = [0, 0, 0];
    for seed in 0..24 {
        for (sum, turns) in sums.iter_mut().zip(play(seed, 400).await) {
            *sum += turns;
        }
    }
    assert!(sums.iter().all(|turns| *turns > 100), "{sums:?}");
}

/// However many have come, and whoever of them fails.
#[tokio::test]
async fn a_long_line_is_cut_in_the_same_way_and_expires_when_nobody_comes() {
    let (mut both, mut dice) = (both().await, Dice(7));
    let terms = Terms { hold: Duration::from_secs(1), takes_along: false };
    let span = Duration::from_secs(1_000);
    for _ in 0..3 * MOST {
        let at_ms: i64 = dice.small(4 * MOST);
        let who = Comer { id: format!("{at_ms:x}"), at_ms, is_bulk: false };
        let turn = both.say(RECORDS[0], &who, &terms, Word::Enter(span)).await;
        if turn == Turn::Go {
            let word = dice.one_of(&[Word::Done, Word::Failed(span), Word::PutOff(span)]);
            both.say(RECORDS[0], &who, &terms, word).await;
            both.scripts.now_ms += 1_000;
        }
    }
    let key = format!("{}:{}", both.scripts.prefix, RECORDS[0]);
    let redis = &mut both.scripts.redis;
    let bytes: usize = cmd("STRLEN").arg(&key).query_async(redis).await.unwrap();
    assert!((1_000..20_000).contains(&bytes), "{bytes}");
    let left_ms: i64 = cmd("PTTL").arg(&key).query_async(redis).await.unwrap();
    assert!((1..=1_600_000).contains(&left_ms), "{left_ms}");
}
