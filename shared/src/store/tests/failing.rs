//! Writes that fail: by their own fault, by that of the disk, for good.

use super::*;

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_told_and_ends_with_room() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    execute(&store, WRITE).await.unwrap();
    set(&store, "PRAGMA max_page_count = 1").await;
    let filling = "INSERT INTO step SELECT NULL, hex(randomblob(500)), value \
        FROM json_each(json_array(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))";
    assert_eq!(execute(&store, filling).await, Err(NotWritten::Down));
    let Link::Down(reason) = store.link() else { panic!("still up") };
    assert!(reason.contains("full"), "{reason}");
    assert_eq!(number(&store, WRITTEN).await, 1);
    set(&store, "PRAGMA max_page_count = 100000").await;
    store.back().await;
    execute(&store, filling).await.unwrap();
    assert_eq!(number(&store, WRITTEN).await, 17);
}

#[tokio::test]
async fn room_is_found_while_others_never_stop_asking() {
    let directory = Directory::new();
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    let asking = Arc::clone(&store);
    // One always waits while another is run: the inbox is never empty.
    let asking = tokio::spawn(async move {
        loop {
            let look = || asking.look(|_| Ok(()));
            let _ = tokio::join!(look(), look(), look());
        }
    });
    set(&store, "PRAGMA max_page_count = 1").await;
    let filling = "INSERT INTO step VALUES (NULL, 'n', hex(zeroblob(100000)))";
    assert_eq!(execute(&store, filling).await, Err(NotWritten::Down));
    set(&store, "PRAGMA max_page_count = 100000").await;
    tokio::time::timeout(std::time::Duration::from_secs(30), store.back()).await.unwrap();
    asking.abort();
    execute(&store, filling).await.unwrap();
}

#[tokio::test]
async fn a_damaged_file_takes_no_more_writes_and_says_so() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    for _ in 0..200 {
        execute(&store, "INSERT INTO step VALUES (NULL, 'n', hex(randomblob(500)))").await.unwrap();
    }
    let bytes_a_page = usize::try_from(number(&store, "PRAGMA page_size").await).unwrap();
    let page: i64 = number(&store, "SELECT rootpage FROM sqlite_schema WHERE name = 'step'").await;
    let closed = store.closed();
    drop(store);
    closed.await;
    let file = directory.0.join(FILE);
    let mut bytes = fs::read(&file).unwrap();
    let start = usize::try_from(page - 1).unwrap() * bytes_a_page;
    bytes[start..start + bytes_a_page].fill(0x5a);
    fs::write(&file, bytes).unwrap();

    let store = Store::open(&directory.0).await.unwrap();
    let harmless = "INSERT INTO step VALUES (NULL, hex(randomblob(16)), 1)";
    assert_eq!(execute(&store, "DELETE FROM step").await, Err(NotWritten::Down));
    let Link::Down(reason) = store.link() else { panic!("still up") };
    assert!(reason.contains("malformed"), "{reason}");
    for _ in 0..3 {
        assert_eq!(execute(&store, harmless).await, Err(NotWritten::Down));
    }
}

#[tokio::test]
async fn a_write_that_fails_or_panics_is_undone_alone_and_its_neighbours_are_written() {
    let directory = Directory::new();
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    let stall = Stall::of(&store).await;
    // Each writes first, which must not stay.
    let broken = "INSERT INTO step VALUES (NULL, 'x', 1); INSERT INTO step VALUES (NULL, NULL, 1)";
    let panics = store.write(|turn| {
        let written = spend(turn);
        assert!(written.is_err(), "as a mistake would");
        written
    });
    let early = store.write::<(), _>(|_| panic!("before it writes"));
    // In this order, in one transaction.
    let all = async {
        tokio::join!(
            execute(&store, WRITE),
            execute(&store, broken),
            execute(&store, WRITE),
            panics,
            early,
            execute(&store, WRITE),
        )
    };
    let mut all = Box::pin(all);
    begin(&mut all).await;
    stall.end().await;
    let (first, failed, second, panicked, early, third) = all.await;
    let refused = Err(NotWritten::Refused);
    assert_eq!((first, second, third), (Ok(()), Ok(()), Ok(())));
    assert_eq!((failed, panicked, early), (refused, refused, refused));
    assert_eq!(store.link(), Link::Up);
    assert_eq!(number(&store, WRITTEN).await, 3);
    // One that comes alone is undone as well.
    assert_eq!(execute(&store, broken).await, refused);
    assert_eq!(number(&store, WRITTEN).await, 3);
}

/// A result that the writer cannot even throw away.
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("as nothing should");
    }
}

#[tokio::test]
async fn a_writer_that_has_ended_is_noticed_and_nobody_waits_for_it() {
    let directory = Directory::new();
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    assert!(store.has_writer());
    let stall = Stall::of(&store).await;
    let mut last = Box::pin(store.write(|_| Ok(Explosive)));
    begin(&mut last).await;
    // Nobody takes the result: it is the writer that drops it.
    drop(last);
    stall.end().await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), store.writer_ended());
    ended.await.unwrap();
    assert!(!store.has_writer());
    assert_eq!(execute(&store, WRITE).await, Err(NotWritten::Down));
    let mut link = store.watch();
    let down = link.wait_for(|link| matches!(link, Link::Down(_)));
    let down = tokio::time::timeout(std::time::Duration::from_secs(30), down).await.unwrap();
    assert_eq!(down.unwrap().to_string(), "down: its writer has ended");
}

#[tokio::test]
async fn whoever_asks_a_writer_that_has_ended_is_told_at_once_whoever_reads() {
    let directory = Directory::new();
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    // Closing in order waits for whoever reads.
    let reading = store.reader().acquire().await.unwrap();
    let stall = Stall::of(&store).await;
    let (mut last, mut gone) =
        (Box::pin(store.write(|_| Ok(Explosive))), Box::pin(execute(&store, WRITE)));
    begin(&mut last).await;
    begin(&mut gone).await;
    drop(last);
    stall.end().await;
    let limit = std::time::Duration::from_secs(30);
    let gone = tokio::time::timeout(limit, gone).await;
    assert_eq!(gone.unwrap(), Err(NotWritten::Down));
    tokio::time::timeout(limit, store.writer_ended()).await.unwrap();
    let told = tokio::time::timeout(limit, execute(&store, WRITE)).await;
    assert_eq!(told.unwrap(), Err(NotWritten::Down));
    assert!(!store.has_writer());
    drop(reading);
}
