//! Samples of entries, as they stand. Who changes what they look like changes the format: then it gets
//! a new number, and the samples are written anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect"
)]

use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncTypedCommands as _, Client};
use shared::event::Identity;
use shared::metrics::registry;
use shared::testing::{prefix, redis_url};

use crate::ledger::{Claim, EntryKey, Lease, Ledger, LedgerOptions, Release};
use crate::metrics::WorkerMetrics;

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
    for value in ["C:ab", "S:ab:0:1:0:1:1", "2C:ab", "2R:ab:0:1:0:more", "what"] {
        redis.set_ex(&own.key, value, 60).await.unwrap();
        let entry = EntryKey { identity: &identity, target: "target", generation: 3 };
        let claim = ledger.claim(&entry, 9).await;
        assert!(matches!(claim, Claim::Held(left) if left == MINUTE), "{value}: {claim:?}");
        assert!(!ledger.extend(&own).await && !ledger.complete(&own).await, "{value}");
        assert!(!ledger.release(&own, Release::Same).await, "{value}");
        assert_eq!(redis.get(&own.key).await.unwrap().as_deref(), Some(value), "left alone");
    }
}
