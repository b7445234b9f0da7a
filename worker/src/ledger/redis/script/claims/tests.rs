//! Claims whose answers were lost: what is said again. And completions of many at once.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncTypedCommands as _, Client, cmd};
use shared::clock::now_ms;
use shared::testing::{prefix, redis_url};

use super::{CLAIM, COMPLETE_ALL};

/// Code, fence or ms left, abandoned runs, steps.
type Answer = (i64, u64, u32, Vec<String>);

struct Entry {
    redis: MultiplexedConnection,
    key: String,
}

impl Entry {
    async fn of(value: &str) -> Self {
        let client = Client::open(redis_url()).unwrap();
        let redis = client.get_multiplexed_async_connection().await.unwrap();
        let mut entry = Self { redis, key: format!("{}:run:{{1}}", prefix()) };
        entry.redis.set_ex(&entry.key, value, 120).await.unwrap();
        entry
    }

    async fn value(&mut self) -> String {
        self.redis.get(&self.key).await.unwrap().unwrap()
    }

    /// The claim of attempt 0 with this token, unless so many runs were abandoned.
    async fn claim(&mut self, token: &str, apart: &[&str]) -> Answer {
        let arguments = [&[token, "60000", "0", "120000"][..], apart].concat();
        let mut eval = cmd("EVAL");
        eval.arg(CLAIM).arg(2).arg(&self.key).arg(format!("{}:steps", self.key)).arg(arguments);
        eval.query_async(&mut self.redis).await.unwrap()
    }
}

#[tokio::test]
async fn a_run_that_died_is_counted_once_however_often_that_is_asked() {
    // A lease of nothing is over.
    let mut entry = Entry::of("2S:aa:0:7:1:0:120000").await;
    for _ in 0..3 {
        assert_eq!(entry.claim("bb", &["2", "3"]).await, (5, 0, 2, vec![]));
        assert_eq!(entry.value().await, "2R:bb:0:7:2");
    }
    let (code, fence, abandoned, _) = entry.claim("cc", &["3"]).await;
    assert!(code == 0 && fence > 7 && abandoned == 2, "{code} {fence} {abandoned}");
    // The first claim once more, come late.
    let (code, left_ms, ..) = entry.claim("bb", &["2", "3"]).await;
    assert!(code == 1 && left_ms > 0, "{code} {left_ms}");
}

/// So whoever was not told the first one has a fence of the time at which it begins.
#[tokio::test]
async fn a_claim_that_is_made_again_has_a_fence_of_now() {
    let mut entry = Entry::of("2S:aa:0:7:0:60000:120000").await;
    // Clocks of one machine.
    let begin_ms = u64::try_from(now_ms()).unwrap();
    let (code, first, abandoned, _) = entry.claim("aa", &[]).await;
    assert!(code == 0 && first >= begin_ms && abandoned == 0, "{code} {first} {abandoned}");
    let (code, second, ..) = entry.claim("aa", &[]).await;
    assert!(code == 0 && second >= first, "{code} {second}");
    assert_eq!(entry.value().await, format!("2S:aa:0:{second}:0:60000:120000"));
}

/// Whatever stands beside it, and however often it is asked.
#[tokio::test]
async fn of_many_that_complete_each_is_done_or_left_for_itself() {
    let client = Client::open(redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let prefix = prefix();
    let key = |name: &str| format!("{prefix}:run:{{{name}}}");
    let entries = [
        ("own", Some("2S:aa:0:7:0:60000:120000"), Some("2C:aa")),
        ("another's", Some("2S:ab:0:7:0:60000:120000"), None),
        ("list", None, None),
        ("released", Some("2R:aa:0:7:0"), None),
        ("of another format", Some("1S:aa:0:7:0:60000:120000"), None),
        ("missing", None, None),
        ("done", Some("2C:aa"), Some("2C:aa")),
        ("last", Some("2S:aa:3:9:1:60000:120000"), Some("2C:aa")),
    ];
    for (name, value, _) in &entries {
        if let Some(value) = value {
            redis.set_ex(key(name), *value, 120).await.unwrap();
        }
    }
    // Nothing of ours is one, and nobody's neighbour has to suffer for it.
    redis.rpush(key("list"), "what").await.unwrap();
    redis.expire(key("list"), 120).await.unwrap();
    for _ in 0..2 {
        let keys: Vec<String> = entries.iter().map(|(name, ..)| key(name)).collect();
        let mut eval = cmd("EVAL");
        eval.arg(COMPLETE_ALL).arg(keys.len()).arg(keys).arg(vec!["aa"; entries.len()]);
        let answers: Vec<i64> = eval.query_async(&mut redis).await.unwrap();
        let done = entries.iter().map(|(_, _, done)| i64::from(done.is_some()));
        assert_eq!(answers, done.collect::<Vec<_>>());
        for (name, before, done) in &entries {
            if *name != "list" {
                let value = redis.get(key(name)).await.unwrap();
                assert_eq!(value.as_deref(), done.or(*before), "{name}");
            }
        }
        let left_s: i64 = cmd("TTL").arg(key("own")).query_async(&mut redis).await.unwrap();
        assert!((1..=120).contains(&left_s), "{left_s} s");
    }
}
