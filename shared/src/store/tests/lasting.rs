//! What survives what: which commits wait for a sync of the disk, and until when there is one.

use super::*;

/// SQLite's levels: 1 syncs at checkpoints only, 2 at each commit.
const LEVEL: &str = "PRAGMA synchronous";

/// Writes one row, and gives the level of the commit that it is part of, with its time.
fn spend_and_look(turn: &mut Turn) -> Result<(i64, i64), rusqlite::Error> {
    spend(turn)?;
    Ok((level(turn)?, turn.now_ms()))
}

fn level(turn: &mut Turn) -> Result<i64, rusqlite::Error> {
    turn.connection.query_row(LEVEL, [], |row| row.get(0))
}

#[tokio::test]
async fn only_what_must_survive_a_loss_of_power_waits_for_the_disk() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    // Once a second what is written is synced with it, whatever it is: that cannot be met every time.
    let (mut tries, mut unsynced, mut in_company) = (0, 2, 2);
    while (unsynced, in_company) != (1, 1) {
        unsynced = store.write_unsynced(spend_and_look).await.unwrap().0;
        in_company = store.write_in_company(spend_and_look).await.unwrap().0;
        assert_eq!(store.write(spend_and_look).await.unwrap().0, 2);
        tries += 1;
        assert!(tries < 100, "each is synced");
    }
    // Answered is committed: another connection sees it, as does the next process.
    let seen = sqlx::query_scalar::<_, i64>(WRITTEN).fetch_one(store.reader());
    assert_eq!(seen.await.unwrap(), 3 * tries);
}

#[tokio::test]
async fn what_is_in_no_hurry_shares_the_commit_of_what_comes() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    let mut patient = Box::pin(store.write_in_company(spend_and_look));
    begin(&mut patient).await;
    // Whether the writer has it by now, and waits, or has yet to take it.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let written = store.write(spend_and_look).await.unwrap();
    assert_eq!(patient.await.unwrap(), written, "one transaction, one time, one sync");
}

#[tokio::test]
async fn what_was_not_synced_is_so_after_a_second_without_any_other_write() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    let high = || async {
        let high = sqlx::query_scalar::<_, i64>("SELECT high_ms FROM clock");
        high.fetch_one(store.reader()).await.unwrap()
    };
    let (_, at_ms) = store.write_unsynced(spend_and_look).await.unwrap();
    let synced = async {
        // The sync writes the time, and nothing else does: this is the poll of a test, not a delay.
        while high().await <= at_ms {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), synced).await.unwrap();
    drop(store);
}

/// The length of SQLite's log, in bytes.
fn log_bytes(directory: &Directory) -> u64 {
    fs::metadata(directory.0.join(format!("{FILE}-wal"))).unwrap().len()
}

#[tokio::test]
async fn nothing_is_written_behind_what_a_failed_sync_may_have_left() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    for _ in 0..100 {
        store.write_unsynced(spend_and_look).await.unwrap();
    }
    let before = log_bytes(&directory);
    set(&store, "PRAGMA max_page_count = 1").await;
    let filling = "INSERT INTO step VALUES (NULL, 'n', hex(zeroblob(100000)))";
    assert_eq!(execute(&store, filling).await, Err(NotWritten::Down));
    set(&store, "PRAGMA max_page_count = 100000").await;
    store.back().await;
    // Begun anew, all of it in the file.
    assert!(log_bytes(&directory) < before, "{before} bytes are still there");
    assert_eq!(number(&store, WRITTEN).await, 100);
}

#[tokio::test]
async fn on_a_disk_that_fails_whoever_needs_no_sync_waits_as_well() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    set(&store, "PRAGMA max_page_count = 1").await;
    let filling = "INSERT INTO step VALUES (NULL, 'n', hex(zeroblob(100000)))";
    assert_eq!(execute(&store, filling).await, Err(NotWritten::Down));
    // There would be room for it.
    for _ in 0..3 {
        let level = store.write_unsynced(level);
        assert_eq!(level.await, Err(NotWritten::Down));
    }
}

#[tokio::test]
async fn what_is_due_for_a_sync_is_not_written_behind_a_failed_one() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    store.write_unsynced(spend_and_look).await.unwrap();
    set(&store, "PRAGMA max_page_count = 1").await;
    let filling = "INSERT INTO step VALUES (NULL, 'n', hex(zeroblob(100000)))";
    assert_eq!(execute(&store, filling).await, Err(NotWritten::Down));
    let high = number(&store, "SELECT high_ms FROM clock").await;
    let failed = std::time::Instant::now();
    // Each look has a transaction of its own, in which the sync could be made up for.
    while failed.elapsed() < std::time::Duration::from_millis(1_100) {
        assert_eq!(number(&store, "SELECT high_ms FROM clock").await, high);
    }
    assert_ne!(store.link(), Link::Up);
}
