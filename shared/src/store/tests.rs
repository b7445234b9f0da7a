//! The data file on its own: restarts, refusals, damage, a full disk, commits that are shared.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;

use super::*;

/// A directory that no other test has, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let name = format!("hubline-store-{:016x}", rand::random::<u64>());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn execute(store: &Store, statement: &'static str) -> Result<(), NotWritten> {
    let executing = store.write(move |turn| {
        Box::pin(
            async move { sqlx::raw_sql(statement).execute(&mut turn.connection).await.map(|_| ()) },
        )
    });
    executing.await
}

async fn number(store: &Store, query: &'static str) -> i64 {
    let asking = store.write(move |turn| {
        Box::pin(async move { sqlx::query_scalar(query).fetch_one(&mut turn.connection).await })
    });
    asking.await.unwrap()
}

/// Closes `store` and opens its file again.
async fn reopen(store: Store, directory: &Directory) -> Store {
    drop(store);
    loop {
        // The last job is still being written.
        match Store::open(&directory.0).await {
            Ok(store) => return store,
            Err(error) => assert!(error.to_string().contains("in use"), "{error:#}"),
        }
        tokio::task::yield_now().await;
    }
}

const SPEND: &str = "INSERT INTO spent VALUES ('b', hex(randomblob(16)), 1)";
const SPENT: &str = "SELECT count(*) FROM spent";

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    execute(&store, SPEND).await.unwrap();
    let store = reopen(store, &directory).await;
    assert_eq!(number(&store, SPENT).await, 1);
    assert_eq!(number(&store, "PRAGMA synchronous").await, 2, "FULL");
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_why() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    let error = Store::open(&directory.0).await.unwrap_err().to_string();
    assert!(error.contains("in use by another process"), "{error}");
    execute(&store, SPEND).await.unwrap();
}

#[tokio::test]
async fn a_file_of_the_first_version_becomes_one_of_this() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    for statement in [
        "ALTER TABLE message DROP COLUMN job",
        "ALTER TABLE message DROP COLUMN steps",
        "INSERT INTO message (queue, due_ms, identity, type, portal, attempt, received_ms, \
         generation, body) VALUES ('work', 0, 'x', '', 1, 0, 0, 0, x'7b7d')",
        "PRAGMA user_version = 1",
    ] {
        execute(&store, statement).await.unwrap();
    }
    let closed = store.closed();
    drop(store);
    closed.await;
    let store = Store::open(&directory.0).await.unwrap();
    let kept = "SELECT count(*) FROM message WHERE job IS NULL AND steps IS NULL";
    let kept: i64 = sqlx::query_scalar(kept).fetch_one(store.reader()).await.unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    execute(&store, "PRAGMA user_version = 99").await.unwrap();
    drop(store);
    let error = loop {
        let error = format!("{:#}", Store::open(&directory.0).await.unwrap_err());
        if !error.contains("in use") {
            break error;
        }
        tokio::task::yield_now().await;
    };
    assert!(error.contains("newer version of Hubline"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = Directory::new();
    fs::create_dir_all(&directory.0).unwrap();
    fs::write(directory.0.join(FILE), "not a database, but long enough to look at").unwrap();
    let error = format!("{:#}", Store::open(&directory.0).await.unwrap_err());
    assert!(error.contains(FILE), "{error}");
}

#[tokio::test]
async fn time_goes_on_from_the_latest_ever_written() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    // As a process would whose clock was an hour ahead.
    let ahead = crate::clock::now_ms() + 3_600_000;
    let writing = store.write(move |turn| {
        turn.set_now_ms(ahead);
        Box::pin(async move { Ok(()) })
    });
    writing.await.unwrap();
    let store = reopen(store, &directory).await;
    let now = store.write(|turn| Box::pin(async move { Ok(turn.now_ms()) })).await.unwrap();
    assert!(now >= ahead);
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_told_and_ends_with_room() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    execute(&store, SPEND).await.unwrap();
    execute(&store, "PRAGMA max_page_count = 1").await.unwrap();
    let filling = "INSERT INTO spent SELECT 'c', hex(randomblob(500)), value \
        FROM json_each(json_array(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))";
    assert_eq!(execute(&store, filling).await, Err(NotWritten));
    let Link::Down(reason) = store.link() else { panic!("still up") };
    assert!(reason.contains("full"), "{reason}");
    assert_eq!(number(&store, SPENT).await, 1);
    execute(&store, "PRAGMA max_page_count = 100000").await.unwrap();
    store.back().await;
    execute(&store, filling).await.unwrap();
    assert_eq!(number(&store, SPENT).await, 17);
}

#[tokio::test]
async fn room_is_found_while_others_never_stop_asking() {
    let directory = Directory::new();
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    let asking = Arc::clone(&store);
    // One always waits while another is run: the inbox is never empty.
    let asking = tokio::spawn(async move {
        loop {
            let look = || asking.look(|_| Box::pin(async { Ok(()) }));
            let _ = tokio::join!(look(), look(), look());
        }
    });
    execute(&store, "PRAGMA max_page_count = 1").await.unwrap();
    let filling = "INSERT INTO step VALUES ('k', 'n', hex(zeroblob(100000)))";
    assert_eq!(execute(&store, filling).await, Err(NotWritten));
    execute(&store, "PRAGMA max_page_count = 100000").await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(30), store.back()).await.unwrap();
    asking.abort();
    execute(&store, filling).await.unwrap();
}

#[tokio::test]
async fn a_damaged_file_takes_no_more_writes_and_says_so() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    for _ in 0..200 {
        execute(&store, "INSERT INTO step VALUES (hex(randomblob(9)), 'n', hex(randomblob(500)))")
            .await
            .unwrap();
    }
    let page: i64 = number(&store, "SELECT rootpage FROM sqlite_schema WHERE name = 'step'").await;
    let closed = store.closed();
    drop(store);
    closed.await;
    let file = directory.0.join(FILE);
    let mut bytes = fs::read(&file).unwrap();
    let start = usize::try_from(page - 1).unwrap() * 4096;
    bytes[start..start + 4096].fill(0x5a);
    fs::write(&file, bytes).unwrap();

    let store = Store::open(&directory.0).await.unwrap();
    let harmless = "INSERT INTO spent VALUES ('b', hex(randomblob(16)), 1)";
    assert_eq!(execute(&store, "DELETE FROM step").await, Err(NotWritten));
    let Link::Down(reason) = store.link() else { panic!("still up") };
    assert!(reason.contains("malformed"), "{reason}");
    for _ in 0..3 {
        assert_eq!(execute(&store, harmless).await, Err(NotWritten));
    }
}

#[tokio::test]
async fn nobody_else_can_read_what_is_in_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = Directory::new();
    // As someone made it who did not think of that.
    fs::create_dir(&directory.0).unwrap();
    let store = Store::open(&directory.0).await.unwrap();
    execute(&store, SPEND).await.unwrap();
    for entry in fs::read_dir(&directory.0).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        let is_lock = entry.file_name() == "lock";
        assert!(is_lock || mode % 0o100 == 0, "{:?} has mode {mode:o}", entry.file_name());
    }
}

#[tokio::test]
async fn what_waits_together_is_written_together() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    let jobs = (0..200).map(|_| {
        store.write(|turn| {
            let now = turn.now_ms();
            Box::pin(async move {
                sqlx::raw_sql(SPEND).execute(&mut turn.connection).await.map(|_| now)
            })
        })
    });
    let written = futures_util::future::join_all(jobs).await;
    assert!(written.iter().all(Result::is_ok));
    assert_eq!(number(&store, SPENT).await, 200);
    // All were asked for before the writer had its turn: one transaction, one time.
    assert!(written.windows(2).all(|pair| pair[0] == pair[1]));
}
