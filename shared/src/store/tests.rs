//! The data file on its own: what all of its tests use.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;

use super::*;

mod failing;
mod lasting;
mod opening;
mod sharing;

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
    store.write(|turn| turn.connection.execute_batch(statement)).await
}

/// A setting of the connection that writes, also while nothing is written.
async fn set(store: &Store, pragma: &'static str) {
    store.look(|turn| turn.connection.execute_batch(pragma)).await.unwrap();
}

async fn number(store: &Store, query: &'static str) -> i64 {
    store.look(|turn| turn.connection.query_row(query, [], |row| row.get(0))).await.unwrap()
}

/// Closes `store` and opens its file again.
async fn reopen(store: Store, directory: &Directory) -> Store {
    drop(store);
    loop {
        // The last errand is still being written.
        match Store::open(&directory.0).await {
            Ok(store) => return store,
            Err(error) => assert!(error.to_string().contains("in use"), "{error:#}"),
        }
        tokio::task::yield_now().await;
    }
}

const WRITE: &str = "INSERT INTO step VALUES (NULL, hex(randomblob(16)), 1)";
const WRITTEN: &str = "SELECT count(*) FROM step";

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
                let _ = running.send(());
                let _ = stalled.blocking_recv();
                Ok(())
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

fn spend(turn: &mut Turn) -> Result<(), rusqlite::Error> {
    turn.connection.execute_batch(WRITE)
}
