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

const WRITE: &str = "INSERT INTO step VALUES ('b', hex(randomblob(16)), 1)";
const WRITTEN: &str = "SELECT count(*) FROM step";

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    execute(&store, WRITE).await.unwrap();
    let store = reopen(store, &directory).await;
    assert_eq!(number(&store, WRITTEN).await, 1);
    assert_eq!(number(&store, "PRAGMA synchronous").await, 2, "FULL");
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
    execute(&store, WRITE).await.unwrap();
    execute(&store, "PRAGMA max_page_count = 1").await.unwrap();
    let filling = "INSERT INTO step SELECT 'c', hex(randomblob(500)), value \
        FROM json_each(json_array(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16))";
    assert_eq!(execute(&store, filling).await, Err(NotWritten::Down));
    let Link::Down(reason) = store.link() else { panic!("still up") };
    assert!(reason.contains("full"), "{reason}");
    assert_eq!(number(&store, WRITTEN).await, 1);
    execute(&store, "PRAGMA max_page_count = 100000").await.unwrap();
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
            let look = || asking.look(|_| Box::pin(async { Ok(()) }));
            let _ = tokio::join!(look(), look(), look());
        }
    });
    execute(&store, "PRAGMA max_page_count = 1").await.unwrap();
    let filling = "INSERT INTO step VALUES ('k', 'n', hex(zeroblob(100000)))";
    assert_eq!(execute(&store, filling).await, Err(NotWritten::Down));
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
    let harmless = "INSERT INTO step VALUES ('b', hex(randomblob(16)), 1)";
    assert_eq!(execute(&store, "DELETE FROM step").await, Err(NotWritten::Down));
    let Link::Down(reason) = store.link() else { panic!("still up") };
    assert!(reason.contains("malformed"), "{reason}");
    for _ in 0..3 {
        assert_eq!(execute(&store, harmless).await, Err(NotWritten::Down));
    }
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

/// A writer that is held inside a transaction, as by a disk that stalls.
struct Stall {
    end: oneshot::Sender<()>,
    stalling: tokio::task::JoinHandle<Result<(), NotWritten>>,
}

impl Stall {
    async fn of(store: &Arc<Store>) -> Self {
        let (end, stalled) = oneshot::channel::<()>();
        let (running, is_running) = oneshot::channel();
        let store = Arc::clone(store);
        let stalling = tokio::spawn(async move {
            let stalling = store.write(|_| {
                Box::pin(async move {
                    let _ = running.send(());
                    let _ = stalled.await;
                    Ok(())
                })
            });
            stalling.await
        });
        is_running.await.unwrap();
        Self { end, stalling }
    }

    async fn end(self) {
        drop(self.end);
        self.stalling.await.unwrap().unwrap();
    }
}

/// Polls `future` until it waits for something.
async fn begin<F: Future + Unpin>(future: &mut F) {
    let polled = futures_util::poll!(future);
    assert!(polled.is_pending());
}

fn spend(turn: &mut Turn) -> Task<'_, ()> {
    Box::pin(async move { sqlx::raw_sql(WRITE).execute(&mut turn.connection).await.map(|_| ()) })
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_written_only_if_it_must_be() {
    let directory = Directory::new();
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    let stall = Stall::of(&store).await;
    let (mut given_up, mut awaited, mut write) = (
        Box::pin(store.write_if_awaited(7, spend)),
        Box::pin(store.write_if_awaited(7, spend)),
        Box::pin(store.write(spend)),
    );
    begin(&mut given_up).await;
    begin(&mut awaited).await;
    begin(&mut write).await;
    drop((given_up, write));
    stall.end().await;
    awaited.await.unwrap();
    assert_eq!(number(&store, WRITTEN).await, 2);
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes_and_has_room_again_when_it_is_done() {
    let directory = Directory::new();
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    let stall = Stall::of(&store).await;
    let ask = |bytes| store.write_if_awaited(bytes, |_| Box::pin(async { Ok(()) }));
    let (mut first, mut second) =
        (Box::pin(ask(MAX_WAITING_BYTES / 2)), Box::pin(ask(MAX_WAITING_BYTES / 2)));
    begin(&mut first).await;
    begin(&mut second).await;
    assert_eq!(ask(1).await, Err(NotWritten::Crowded));
    // Given up, it still waits for its turn.
    drop(first);
    assert_eq!(ask(1).await, Err(NotWritten::Crowded));
    stall.end().await;
    second.await.unwrap();
    ask(MAX_WAITING_BYTES).await.unwrap();
}

#[tokio::test]
async fn a_job_that_fails_or_panics_is_undone_alone_and_its_neighbours_are_written() {
    let directory = Directory::new();
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    let stall = Stall::of(&store).await;
    // Each writes first, which must not stay.
    let broken = "INSERT INTO step VALUES ('x', 'x', 1); INSERT INTO step VALUES ('x', NULL, 1)";
    let panics = store.write(|turn| {
        Box::pin(async move {
            let written = spend(turn).await;
            assert!(written.is_err(), "as a mistake would");
            written
        })
    });
    let early = store.write::<(), _>(|_| panic!("before there is a future"));
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
    let mut last = Box::pin(store.write(|_| Box::pin(async { Ok(Explosive) })));
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
async fn whoever_asks_a_writer_that_closes_is_told_at_once() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    // Closing waits for whoever reads.
    let reading = store.reader().acquire().await.unwrap();
    let gone = store.write(|_| Box::pin(async { Err::<(), _>(sqlx::Error::WorkerCrashed) })).await;
    assert_eq!(gone, Err(NotWritten::Down));
    let told =
        tokio::time::timeout(std::time::Duration::from_secs(30), execute(&store, WRITE)).await;
    assert_eq!(told.unwrap(), Err(NotWritten::Down));
    assert!(!store.has_writer());
    drop(reading);
    store.writer_ended().await;
}

#[tokio::test]
async fn what_waits_together_is_written_together() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).await.unwrap();
    let jobs = (0..200).map(|_| {
        store.write(|turn| {
            let now = turn.now_ms();
            Box::pin(async move {
                sqlx::raw_sql(WRITE).execute(&mut turn.connection).await.map(|_| now)
            })
        })
    });
    let written = futures_util::future::join_all(jobs).await;
    assert!(written.iter().all(Result::is_ok));
    assert_eq!(number(&store, WRITTEN).await, 200);
    // All were asked for before the writer had its turn: one transaction, one time.
    assert!(written.windows(2).all(|pair| pair[0] == pair[1]));
}
