//! What survives what: which commits wait for a sync of the disk, and until when there is one.

use super::*;

/// SQLite's levels: 1 syncs at checkpoints only, 2 at each commit.
const LEVEL: &str = "PRAGMA synchronous";

/// Writes one row, and gives the level of the commit that it is part of, with its time.
fn spend_and_look(turn: &mut Turn) -> Task<'_, (i64, i64)> {
    Box::pin(async move {
        sqlx::raw_sql(WRITE).execute(&mut turn.connection).await?;
        let level = sqlx::query_scalar(LEVEL).persistent(false);
        Ok((level.fetch_one(&mut turn.connection).await?, turn.now_ms()))
    })
}

#[tokio::test]
async fn only_what_must_survive_a_loss_of_power_waits_for_the_disk() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    for _ in 0..3 {
        assert_eq!(store.write_unsynced(spend_and_look).await.unwrap().0, 1);
        assert_eq!(store.write_in_company(spend_and_look).await.unwrap().0, 1);
        assert_eq!(store.write(spend_and_look).await.unwrap().0, 2);
    }
    // Answered is committed: another connection sees it, as does the next process.
    let seen = sqlx::query_scalar::<_, i64>(WRITTEN).fetch_one(store.reader());
    assert_eq!(seen.await.unwrap(), 9);
}

#[tokio::test]
async fn what_is_in_no_hurry_shares_the_commit_of_what_comes() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    let mut patient = Box::pin(store.write_in_company(spend_and_look));
    begin(&mut patient).await;
    // The writer has it by now, and waits.
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
    store.write_unsynced(spend_and_look).await.unwrap();
    let (_, at_ms) = store.write_unsynced(spend_and_look).await.unwrap();
    assert!(high().await <= at_ms);
    let synced = async {
        // The sync writes the time, and nothing else does: this is the poll of a test, not a delay.
        while high().await <= at_ms {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), synced).await.unwrap();
    drop(store);
}
