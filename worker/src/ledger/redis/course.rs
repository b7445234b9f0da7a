//! Random courses of limits and services, through the scripts and through the states in memory that they
//! are to be word for word, by a clock of the test's: both must answer the same to everything.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod orders;

use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Client, FromRedisValue as _, Value, cmd};
use shared::broker::Lane;
use shared::testing::{prefix, redis_url};

use super::lua::NOW;
use super::script::Script;
use super::{gate, take};
use crate::limits::{Asker, Caller, Ended, Limit, Lines, Of, Passage, Sight, Standing, Way};

const ORIGINS: [&str; 3] = ["hubspot/1", "hubspot/2", "stripe/acct_1"];
const WORKERS: [&str; 3] = ["0a1b2c3d", "4e5f6071", "8293a4b5"];

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    fn lane(&mut self) -> Lane {
        self.one_of(&[Lane::Work, Lane::Work, Lane::Bulk])
    }

    fn waited(&mut self) -> Duration {
        Duration::from_millis(self.one_of(&[0, 0, 900, 40_000, 3_600_000]))
    }

    fn standing(&mut self) -> Standing {
        let requests = self.one_of(&[1.0, 2.5, 3.0, 30.0]);
        let (new, placed) = (Standing::New { requests }, Standing::Placed { requests });
        self.one_of(&[new, new, placed, Standing::UnderWay])
    }
}

/// The scripts, told the time.
struct Scripts {
    redis: MultiplexedConnection,
    prefix: String,
    now_ms: i64,
}

impl Scripts {
    async fn open() -> Self {
        let client = Client::open(redis_url()).unwrap();
        let redis = client.get_multiplexed_async_connection().await.unwrap();
        Self { redis, prefix: prefix(), now_ms: 0 }
    }

    async fn run(&mut self, script: Script, key: &str, arguments: Vec<String>) -> Value {
        let told = format!("local now = {}\n", self.now_ms);
        let code = script.code().replace(NOW, &told);
        assert!(code.starts_with(&told), "the script asks for the time in another way");
        let keys = script.keys(&format!("{}:{key}", self.prefix));
        let mut eval = cmd("EVAL");
        eval.arg(code).arg(keys.len()).arg(keys).arg(arguments);
        eval.query_async(&mut self.redis).await.unwrap()
    }
}

/// One course; `errors` of ten calls fail.
async fn play(seed: u64, errors: u64, steps: usize) {
    let (mut dice, lines, mut scripts) =
        (Dice(seed * 7919 + 1), Lines::default(), Scripts::open().await);
    let window = Duration::from_secs(10);
    let limits = [
        Limit::of(1, Duration::from_millis(1050), "slack").shared(),
        Limit::of(7, window, "hubspot/1"),
        Limit::of(100, window, "hubspot/2"),
        Limit::none("erp"),
        // What a worker has learnt, and another has not yet.
        Limit::of(40, window, "hubspot/2"),
    ];
    let lease = Duration::from_secs(20);
    let ways = [1, 3, 12].map(|cap| Way { key: format!("service-{cap}"), cap, lease });
    let mut calls: Vec<(usize, Caller<'_>, i64)> = Vec::new();
    scripts.now_ms = 1_000_000;
    for step in 0..steps {
        let of = format!("seed {seed}, step {step}");
        let (limit, way) = (dice.one_of(&[0, 1, 2, 3, 4]), dice.one_of(&[0, 1, 2]));
        let (limit, way): (&Limit, &Way) = (&limits[limit], &ways[way]);
        for (kind, key) in [(Of::Requests, &limit.key), (Of::Calls, &way.key)] {
            let reply = scripts.run(Script::Look, key, vec![kind.as_str().to_owned()]).await;
            let sight: Option<Vec<i64>> = Option::from_redis_value(reply).unwrap();
            let sight = sight.map(|sight| Sight::try_from(sight).unwrap());
            // What was only asked after leaves nothing on Redis.
            let held = lines.sight_at(kind, key, scripts.now_ms);
            assert!(sight == held || sight.is_none(), "{of}: {sight:?} {held:?} of {key}");
        }
        match dice.below(10) {
            0 | 1 => {
                scripts.now_ms += dice.one_of(&[1, 40, 300, 999, 2_000, 5_000, 10_000, 70_000]);
            }
            2..=4 => {
                let limit = &limits[usize::try_from(dice.below(5)).unwrap()];
                let (lane, standing, waited) = (dice.lane(), dice.standing(), dice.waited());
                let asker = Asker { origin: dice.one_of(&ORIGINS), lane, standing, waited };
                let arguments = take::take_arguments(limit, asker);
                let reply = scripts.run(Script::Take, &limit.key, arguments).await;
                let room = lines.take_at(limit, asker, scripts.now_ms);
                assert_eq!(take::read_room(reply), Some(room), "{of}: {asker:?} at {limit:?}");
            }
            5 if dice.below(4) == 0 => {
                let limit = &limits[usize::try_from(dice.below(5)).unwrap()];
                let wait = Duration::from_millis(dice.one_of(&[10, 3_000, 60_000]));
                let arguments = take::hold_arguments(limit, wait);
                scripts.run(Script::Hold, &limit.key, arguments).await;
                lines.hold_at(limit, wait, scripts.now_ms);
            }
            5..=7 => {
                let number = usize::try_from(dice.below(3)).unwrap();
                let (way, origin) = (&ways[number], dice.one_of(&ORIGINS));
                let is_placed = dice.below(2) == 0;
                let caller = Caller { origin, lane: dice.lane(), is_placed, waited: dice.waited() };
                let is_asking = dice.below(4) == 0;
                let arguments = gate::gate_arguments(way, caller, "", gate::entering(is_asking), 0);
                let reply = scripts.run(Script::Gate, &way.key, arguments).await;
                let passage = lines.enter_at(way, caller, is_asking, scripts.now_ms);
                assert_eq!(gate::read_passage(reply), Some(passage), "{of}: {caller:?} at {way:?}");
                if let (Passage::Open { slot_ms, .. }, false) = (passage, is_asking) {
                    calls.push((number, caller, slot_ms));
                }
            }
            _ if calls.is_empty() => {}
            _ => {
                let call = usize::try_from(dice.below(calls.len() as u64)).unwrap();
                let (number, caller, slot_ms) = calls.swap_remove(call);
                // One in ten of their workers dies.
                let ended = match dice.below(10) {
                    0 => continue,
                    1 => Ended::CutOff,
                    many if many < 2 + errors => Ended::Failed,
                    _ => Ended::Passed,
                };
                let (way, worker) = (&ways[number], dice.one_of(&WORKERS));
                let arguments = gate::gate_arguments(way, caller, worker, ended.as_str(), slot_ms);
                let reply = scripts.run(Script::Gate, &way.key, arguments).await;
                let left = lines.leave_at(way, caller, worker, slot_ms, ended, scripts.now_ms);
                assert_eq!(gate::read_left(reply).0, left, "{of}: {ended:?} at {way:?}");
            }
        }
    }
}

/// Two lines that are longer than what one gives up to the other.
#[tokio::test]
async fn scripts_and_memory_swap_the_same_of_long_lines() {
    let (lines, mut scripts) = (Lines::default(), Scripts::open().await);
    let limit = Limit::of(1, Duration::from_secs(1), "slack").shared();
    scripts.now_ms = 1_000_000;
    let (new, placed) = (Standing::New { requests: 1.0 }, Standing::Placed { requests: 1.0 });
    let come = [(ORIGINS[0], new, 700), (ORIGINS[1], new, 320)];
    let back = [(ORIGINS[0], placed, 40), (ORIGINS[1], new, 60), (ORIGINS[0], placed, 40)];
    for (after_ms, comes) in [(0, come.as_slice()), (45_000, &back), (700_000, &back)] {
        scripts.now_ms += after_ms;
        for (origin, standing, runs) in comes {
            for run in 0..*runs {
                let (origin, standing, lane) = (*origin, *standing, Lane::Work);
                let asker = Asker { origin, lane, standing, waited: Duration::ZERO };
                let arguments = take::take_arguments(&limit, asker);
                let reply = scripts.run(Script::Take, &limit.key, arguments).await;
                let room = lines.take_at(&limit, asker, scripts.now_ms);
                let of = format!("run {run} at {}", scripts.now_ms);
                assert_eq!(take::read_room(reply), Some(room), "{of}: {asker:?}");
            }
        }
    }
}

/// However many origins have a line there.
#[tokio::test]
async fn what_a_call_reads_does_not_grow_with_the_origins() {
    let (lines, mut scripts) = (Lines::default(), Scripts::open().await);
    let (lane, waited) = (Lane::Work, Duration::ZERO);
    let limit = Limit::of(1, Duration::from_secs(1), "slack").shared();
    let way = Way { key: "erp".to_owned(), cap: 1, lease: Duration::from_secs(20) };
    scripts.now_ms = 1_000_000;
    for number in 0..1000 {
        let origin = format!("hubspot/{number}");
        let standing = Standing::New { requests: 1.0 };
        let asker = Asker { origin: &origin, lane, standing, waited };
        let arguments = take::take_arguments(&limit, asker);
        let reply = scripts.run(Script::Take, &limit.key, arguments).await;
        let room = lines.take_at(&limit, asker, scripts.now_ms);
        assert_eq!(take::read_room(reply), Some(room), "{asker:?}");
        let caller = Caller { origin: &origin, lane, is_placed: false, waited };
        let arguments = gate::gate_arguments(&way, caller, "", gate::entering(false), 0);
        let reply = scripts.run(Script::Gate, &way.key, arguments).await;
        let passage = lines.enter_at(&way, caller, false, scripts.now_ms);
        assert_eq!(gate::read_passage(reply), Some(passage), "{caller:?}");
    }
    for key in [&limit.key, &way.key] {
        let key = format!("{}:{key}", scripts.prefix);
        let bytes: usize = cmd("STRLEN").arg(&key).query_async(&mut scripts.redis).await.unwrap();
        assert!((1..4000).contains(&bytes), "{bytes} in {key}");
        let flows: usize =
            cmd("ZCARD").arg(format!("{key}:flows")).query_async(&mut scripts.redis).await.unwrap();
        assert!(flows >= 999, "{flows} beside {key}");
    }
}

/// However many workers have called lately: what each call reads and writes is as long, and what stands
/// beside it goes with its slices.
#[tokio::test]
async fn what_a_call_reads_does_not_grow_with_the_workers() {
    let (lines, mut scripts) = (Lines::default(), Scripts::open().await);
    let caller =
        Caller { origin: ORIGINS[0], lane: Lane::Work, is_placed: false, waited: Duration::ZERO };
    let way = Way { key: "erp".to_owned(), cap: 200, lease: Duration::from_secs(20) };
    let key = format!("{}:{}", scripts.prefix, way.key);
    scripts.now_ms = 1_000_000;
    for slice in 0..20 {
        for number in 0..90 {
            let (worker, ended) = (format!("{number:08x}"), Ended::Passed);
            let arguments = gate::gate_arguments(&way, caller, &worker, ended.as_str(), 0);
            scripts.run(Script::Gate, &way.key, arguments).await;
            lines.leave_at(&way, caller, &worker, 0, ended, scripts.now_ms);
        }
        let bytes: usize = cmd("STRLEN").arg(&key).query_async(&mut scripts.redis).await.unwrap();
        assert!((1..400).contains(&bytes), "{bytes} in slice {slice}");
        let calls = format!("{key}:calls");
        let fields: usize = cmd("HLEN").arg(&calls).query_async(&mut scripts.redis).await.unwrap();
        assert!((90..=6 * 90).contains(&fields), "{fields} in slice {slice}");
        let left_ms: i64 = cmd("PTTL").arg(&calls).query_async(&mut scripts.redis).await.unwrap();
        assert!((1..=35_000).contains(&left_ms), "{left_ms}");
        scripts.now_ms += 5_000;
    }
    // Of all of them, most are answered.
    for number in 0..40 {
        let (worker, ended) = (format!("{number:08x}"), Ended::Failed);
        for _ in 0..100 {
            let arguments = gate::gate_arguments(&way, caller, &worker, ended.as_str(), 0);
            let reply = scripts.run(Script::Gate, &way.key, arguments).await;
            let left = lines.leave_at(&way, caller, &worker, 0, ended, scripts.now_ms);
            assert_eq!(gate::read_left(reply), (left, false), "{number}");
        }
    }
}

#[tokio::test]
async fn scripts_and_memory_answer_the_same_to_random_courses() {
    for seed in 1..=24 {
        play(seed, seed % 3 * 3, 400).await;
    }
}
