//! What the file keeps and what it forgets, past the ledger's calls.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect"
)]

use std::path::PathBuf;

use shared::event::Identity;
use shared::metrics::registry;
use shared::testing::prefix;

use super::*;
use crate::ledger::{Ledger, Release};

const LONG: Duration = Duration::from_secs(60);

struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn open() -> (Directory, Arc<Store>) {
    let directory = Directory(std::env::temp_dir().join(prefix()));
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    (directory, store)
}

fn ledger(store: &Arc<Store>, retention: Duration) -> Ledger {
    let metrics = WorkerMetrics::register(&mut registry("worker"), false);
    Ledger::embedded(Arc::clone(store), LONG, retention, metrics)
}

async fn run(store: &Store, statement: &'static str) -> Result<(), NotWritten> {
    store.write(|turn| turn.connection.execute_batch(statement)).await
}

/// A setting of the connection that writes, also while nothing is written.
async fn set(store: &Store, pragma: &'static str) {
    store.look(|turn| turn.connection.execute_batch(pragma)).await.unwrap();
}

async fn number(store: &Store, query: &'static str) -> i64 {
    store.look(|turn| turn.connection.query_row(query, [], |row| row.get(0))).await.unwrap()
}

#[tokio::test]
async fn what_has_expired_is_deleted_and_its_pages_given_back() {
    let (_directory, store) = open().await;
    let ledger = ledger(&store, LONG);
    let identity = Identity::of_unreadable(b"an event");
    let entry = EntryKey { identity: &identity, target: "target", generation: 0 };
    let Claim::Started(lease) = ledger.claim(&entry, 0).await else { panic!("not started") };
    assert!(ledger.remember(&lease, "order", "42").await);
    run(
        &store,
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 2500)
         INSERT INTO claim SELECT n + 1, randomblob(16), 'key' || n, 'C', 'token', 0, 1, 0, 0, n FROM number;
         INSERT INTO step SELECT id << 20, 'order', hex(zeroblob(1000)) FROM claim WHERE token = 'token'",
    )
    .await
    .unwrap();
    let pages = number(&store, "PRAGMA page_count").await;
    forget::forget_expired(&store).await.unwrap();
    for count in ["SELECT count(*) FROM claim", "SELECT count(*) FROM step"] {
        assert_eq!(number(&store, count).await, 1, "{count}");
    }
    let (left, free) =
        (number(&store, "PRAGMA page_count").await, number(&store, "PRAGMA freelist_count").await);
    assert!(pages > 1250 && left < 50, "{left} pages of {pages} left");
    assert_eq!(free, 0);
    assert!(ledger.complete(&lease).await);
}

#[tokio::test]
async fn every_entry_has_its_end() {
    let (_directory, store) = open().await;
    let (fleeting, ledger) = (ledger(&store, Duration::ZERO), ledger(&store, LONG));
    let identity = Identity::of_unreadable(b"an event");
    for generation in 0..4 {
        let entry = EntryKey { identity: &identity, target: "target", generation };
        let Claim::Started(lease) = ledger.claim(&entry, 0).await else { panic!("not started") };
        assert!(ledger.remember(&lease, "order", "42").await);
        match generation {
            0 => {
                // Of which two thirds are left would stay as it is.
                run(&store, "UPDATE claim SET lease_until_ms = 0").await.unwrap();
                assert!(fleeting.extend(&lease).await);
            }
            1 => assert!(fleeting.release(&lease, Release::Same).await),
            2 => assert!(fleeting.release(&lease, Release::Next(1)).await),
            _ => assert!(ledger.complete(&lease).await),
        }
    }
    forget::forget_expired(&store).await.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM claim").await, 1);
    assert_eq!(number(&store, "SELECT count(*) FROM claim WHERE state = 'C'").await, 1);
    assert_eq!(number(&store, "SELECT count(*) FROM step").await, 0);
}

#[tokio::test]
async fn while_the_file_takes_no_writes_calls_wait() {
    let (_directory, store) = open().await;
    let ledger = ledger(&store, LONG);
    let identity = Identity::of_unreadable(b"an event");
    let entry = EntryKey { identity: &identity, target: "target", generation: 0 };
    let Claim::Started(lease) = ledger.claim(&entry, 0).await else { panic!("not started") };
    // As if the disk were full.
    set(&store, "PRAGMA max_page_count = 1").await;
    let json = format!("{:?}", "x".repeat(100_000));
    let step = ledger.remember(&lease, "order", &json);
    let room = async {
        // Not before another write has failed as well.
        while run(
            &store,
            "INSERT INTO step VALUES (NULL, hex(randomblob(9)), hex(zeroblob(50000)))",
        )
        .await
        .is_ok()
        {}
        set(&store, "PRAGMA max_page_count = 100000").await;
    };
    let (remembered, ()) =
        tokio::time::timeout(LONG, async { tokio::join!(step, room) }).await.unwrap();
    assert!(remembered && ledger.is_up());
    assert_eq!(number(&store, "SELECT count(*) FROM step WHERE name = 'order'").await, 1);
}

#[tokio::test]
async fn a_result_that_nobody_waits_for_any_more_is_written_with_the_release() {
    let (_directory, store) = open().await;
    let ledger = ledger(&store, LONG);
    let identity = Identity::of_unreadable(b"an event");
    let entry = EntryKey { identity: &identity, target: "target", generation: 0 };
    let Claim::Started(lease) = ledger.claim(&entry, 0).await else { panic!("not started") };
    set(&store, "PRAGMA max_page_count = 1").await;
    let json = format!("{:?}", "x".repeat(100_000));
    let refused = async {
        while ledger.is_up() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        // Begun before it is given up.
        biased;
        _ = ledger.remember(&lease, "order", &json) => panic!("written to a full disk"),
        refused = tokio::time::timeout(LONG, refused) => refused.unwrap(),
    }
    assert_eq!(lease.step("order").as_ref(), Some(&json), "known at once");
    set(&store, "PRAGMA max_page_count = 100000").await;
    assert_eq!(number(&store, "SELECT count(*) FROM step").await, 0);
    assert!(ledger.release(&lease, Release::Next(1)).await);
    let Claim::Started(next) = ledger.claim(&entry, 1).await else { panic!("not started") };
    assert_eq!(next.step("order"), Some(json));
}
