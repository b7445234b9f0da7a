//! Samples of entries, as they stand. Who changes what they look like changes the format: then it gets
//! a new number, and the samples are written anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect"
)]

use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncTypedCommands as _, Client, cmd};
use serde_json::Value;
use shared::broker::Lane;
use shared::event::Identity;
use shared::metrics::registry;
use shared::testing::{prefix, redis_url};

use super::{LINE_NUMBER, STATE_NUMBER, order_key, state_key};
use crate::ledger::{Claim, EntryKey, Lease, Ledger, LedgerOptions, Release};
use crate::limits::{Asker, Caller, Ended, Limit, Of, Passage, Standing, Way};
use crate::metrics::WorkerMetrics;
use crate::order::{Comer, Terms, Word};

const STATE: &str = include_str!("state.txt");
const LINES: &str = include_str!("lines.txt");
const SAMPLES: &str = include_str!("entries.txt");
const MINUTE: Duration = Duration::from_secs(60);

async fn redis() -> MultiplexedConnection {
    Client::open(redis_url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

fn ledger(prefix: &str) -> Ledger {
    let (url, prefix) = (redis_url().into(), prefix.to_owned());
    let options = LedgerOptions { url, prefix, lease: MINUTE, retention: 2 * MINUTE };
    Ledger::start(options, WorkerMetrics::register(&mut registry("worker"), false)).unwrap()
}

async fn start(ledger: &Ledger, identity: &Identity, target: &str, attempt: u32) -> Lease {
    match ledger.claim(&EntryKey { identity, target, generation: 3 }, attempt).await {
        Claim::Started(lease) => lease,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn entries_look_as_their_format_says() {
    let (prefix, identity) = (prefix(), Identity::of_unreadable(b"an event"));
    let ledger = ledger(&prefix);
    let mut names = vec![
        (identity.to_string(), "<identity>".to_owned()),
        (prefix.clone(), "<prefix>".to_owned()),
    ];
    for (target, release) in [
        ("started", None),
        ("same", Some(Release::Same)),
        ("next", Some(Release::Next(6))),
        ("completed", None),
    ] {
        let lease = start(&ledger, &identity, target, 5).await;
        assert!(ledger.remember(&lease, "order", r#"{"id":"42"}"#).await);
        match release {
            Some(release) => assert!(ledger.release(&lease, release).await),
            None if target == "completed" => assert!(ledger.complete(&lease).await),
            None => {}
        }
        names.push((lease.token, "<token>".to_owned()));
        names.push((lease.fence.to_string(), "<fence>".to_owned()));
    }
    let mut redis = redis().await;
    let mut lines = Vec::new();
    for key in redis.keys(format!("{prefix}:run:*")).await.unwrap() {
        if key.ends_with(":steps") {
            for (name, json) in redis.hgetall(&key).await.unwrap() {
                lines.push(format!("{key} {name} {json}"));
            }
        } else {
            lines.push(format!("{key} {}", redis.get(&key).await.unwrap().unwrap()));
        }
    }
    lines.sort_unstable();
    let mut found = format!("format {}\n{}\n", format_number!(), lines.join("\n"));
    for (name, placeholder) in &names {
        found = found.replace(name, placeholder);
    }
    assert_eq!(found, SAMPLES, "raise the format's number, and write its samples anew");
}

/// Nothing is run while it may be somebody else's.
#[tokio::test]
async fn an_entry_of_another_format_is_held() {
    let (prefix, identity) = (prefix(), Identity::of_unreadable(b"an event"));
    let ledger = ledger(&prefix);
    let own = start(&ledger, &identity, "target", 0).await;
    let mut redis = redis().await;
    for value in
        ["C:ab", "S:ab:0:1:0:1:1", "1C:ab", "1R:ab:0:1:102", "3C:ab", "3R:ab:0:1:0:more", "what"]
    {
        redis.set_ex(&own.key, value, 60).await.unwrap();
        let entry = EntryKey { identity: &identity, target: "target", generation: 3 };
        let claim = ledger.claim(&entry, 9).await;
        assert!(matches!(claim, Claim::Held(left) if left == MINUTE), "{value}: {claim:?}");
        assert!(!ledger.extend(&own).await && !ledger.complete(&own).await, "{value}");
        assert!(!ledger.release(&own, Release::Same).await, "{value}");
        assert_eq!(redis.get(&own.key).await.unwrap().as_deref(), Some(value), "left alone");
    }
}

/// What is packed at a key, with nothing but zeros and empty texts in it.
async fn shape(redis: &mut MultiplexedConnection, key: &str) -> String {
    let code = "return cjson.encode(cmsgpack.unpack(redis.call('GET', KEYS[1])))";
    let json: String = cmd("EVAL").arg(code).arg(1).arg(key).query_async(redis).await.unwrap();
    let mut value: Value = serde_json::from_str(&json).unwrap();
    empty(&mut value);
    value.sort_all_objects();
    value.to_string()
}

fn empty(value: &mut Value) {
    match value {
        Value::Number(_) => *value = 0.into(),
        Value::String(text) => text.clear(),
        Value::Array(values) => values.iter_mut().for_each(empty),
        Value::Object(fields) => fields.values_mut().for_each(empty),
        Value::Null | Value::Bool(_) => {}
    }
}

#[tokio::test]
async fn the_state_of_limits_looks_as_its_number_says() {
    let prefix = prefix();
    let ledger = ledger(&prefix);
    let mut redis = redis().await;
    // Of an earlier build, under the names it had: not read, or nothing here would be answered.
    for key in ["limit:{slack}", "gate:{erp}"] {
        redis.set_ex(format!("{prefix}:{key}"), "other", 60).await.unwrap();
    }
    let (lane, waited) = (Lane::Work, Duration::ZERO);
    let limit = Limit::of(1, MINUTE, "slack").shared();
    for origin in ["hubspot/1", "hubspot/2"] {
        let standing = Standing::New { requests: 1.5 };
        ledger.take(&limit, Asker { origin, lane, standing, waited }).await;
    }
    let way = Way { key: "erp".to_owned(), cap: 1, lease: MINUTE };
    let caller = Caller { origin: "hubspot/1", lane, is_placed: true, waited };
    let Passage::Open { slot_ms, .. } = ledger.enter(&way, caller, false).await else {
        panic!("not let through");
    };
    ledger.leave(&way, caller, slot_ms, Ended::Failed).await;
    for _ in 0..2 {
        ledger.enter(&way, caller, false).await;
    }
    let mut lines = vec![format!("state {STATE_NUMBER}")];
    for (of, limit) in [(Of::Requests, "slack"), (Of::Calls, "erp")] {
        let key = state_key(&prefix, of, limit);
        lines.push(format!("{key} {}", shape(&mut redis, &key).await));
        for lane in ["flows", "bulk_flows"] {
            let key = format!("{key}:{lane}");
            let members: Vec<String> =
                cmd("ZRANGE").arg(&key).arg(0).arg(-1).query_async(&mut redis).await.unwrap();
            lines.push(format!("{key} {members:?}"));
        }
    }
    let calls = format!("{}:calls", state_key(&prefix, Of::Calls, "erp"));
    let calls = redis.hgetall(&calls).await.unwrap();
    let (field, count) = calls.iter().next().unwrap();
    // Slice and worker; one call, which failed.
    let (slice, worker) = field.split_once(':').unwrap();
    assert!(slice.parse::<u64>().is_ok() && worker.len() == 8, "{field}");
    assert_eq!((calls.len(), count.as_str()), (1, "1000000001"));
    let found = lines.join("\n").replace(&prefix, "<prefix>") + "\n";
    assert_eq!(found, STATE, "raise the state's number, and write its samples anew");
}

#[tokio::test]
async fn the_line_of_a_record_looks_as_its_number_says() {
    let prefix = prefix();
    let (ledger, mut redis) = (ledger(&prefix), redis().await);
    let record = "acme-deals/hubspot/62515/deal/42";
    let terms = Terms { hold: MINUTE, takes_along: true };
    for (id, is_bulk) in [("one", false), ("two", true)] {
        let who = Comer { id: id.to_owned(), at_ms: 1_790_000_000_000, is_bulk };
        ledger.order(record, &who, &terms, Word::Enter(MINUTE)).await;
    }
    let key = order_key(&prefix, record);
    let found = format!("lines {LINE_NUMBER}\n{key} {}\n", shape(&mut redis, &key).await);
    assert_eq!(
        found.replace(&prefix, "<prefix>"),
        LINES,
        "raise the number, and write its samples anew"
    );
}
