//! Opening a data file: what is in it, who may have it, which files are left alone.

use super::*;

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    execute(&store, WRITE).await.unwrap();
    let store = reopen(store, &directory).await;
    assert_eq!(number(&store, WRITTEN).await, 1);
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_why() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    let error = Store::open(&directory.0).await.unwrap_err().to_string();
    assert!(error.contains("in use by another process"), "{error}");
    execute(&store, WRITE).await.unwrap();
}

#[tokio::test]
async fn a_file_of_an_earlier_build_is_left_alone_and_it_is_said_how_to_drain_it() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    execute(&store, "PRAGMA user_version = 3").await.unwrap();
    let closed = store.closed();
    drop(store);
    closed.await;
    let error = format!("{:#}", Store::open(&directory.0).await.unwrap_err());
    assert!(error.contains("an earlier build") && error.contains("until nothing waits"), "{error}");
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
        Ok(())
    });
    writing.await.unwrap();
    let store = reopen(store, &directory).await;
    let now = store.write(|turn| Ok(turn.now_ms())).await.unwrap();
    assert!(now >= ahead);
}

#[tokio::test]
async fn nobody_else_can_read_what_is_in_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = Directory::new();
    // As someone made it who did not think of that.
    fs::create_dir(&directory.0).unwrap();
    let store = Store::open(&directory.0).await.unwrap();
    execute(&store, WRITE).await.unwrap();
    for entry in fs::read_dir(&directory.0).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        let is_lock = entry.file_name() == "lock";
        assert!(is_lock || mode % 0o100 == 0, "{:?} has mode {mode:o}", entry.file_name());
    }
}
