//! A data file of one test's own: a look into it, writes that it refuses on demand, its loan to
//! another process, and its end.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::params;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::patience::{PATIENCE, within};
use super::queues::Letter;
use crate::broker::{Counted, Embedded, counted};
use crate::clock::now_ms;
use crate::store::{FILE, Store};

/// All there are in a data file.
const QUEUES: [&str; 3] = ["work", "bulk", "dead"];

/// How long those who have the file open may take to let go of it.
const CLOSE: Duration = Duration::from_secs(30);

/// A data file, open except while it is lent; its directory goes when this is dropped.
#[derive(Debug)]
pub struct DataFile {
    directory: PathBuf,
    /// None while it is lent: one process has it open at a time.
    embedded: Mutex<Option<Arc<Embedded>>>,
}

/// A write that a file can refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// The ack of a message.
    Ack,
    /// A claim that is given back.
    Release,
}

/// A data file that another process may open.
#[derive(Debug)]
pub struct Loan(Arc<DataFile>);

impl DataFile {
    /// A new one, with the test's prefix in its name.
    pub(super) async fn open(prefix: &str) -> Arc<Self> {
        let directory = std::env::temp_dir().join(format!("hubline-{prefix}"));
        let embedded = Mutex::new(Some(embedded(&directory).await));
        Arc::new(Self { directory, embedded })
    }

    /// The broker in this file. Not to be kept while it is lent.
    pub fn embedded(&self) -> Arc<Embedded> {
        let embedded = self.embedded.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(embedded.as_ref().expect("the data file is lent to another process"))
    }

    /// Closes it for another process to open. Nothing here may use its broker any more.
    pub(super) async fn lend(self: &Arc<Self>) -> Loan {
        let closed = self.embedded().store().closed();
        *self.embedded.lock().unwrap() = None;
        tokio::time::timeout(CLOSE, closed).await.expect("something here still uses the file");
        Loan(Arc::clone(self))
    }

    /// A connection that reads what was last committed, whoever has the file open.
    pub async fn look(&self) -> SqliteConnection {
        self.options().read_only(true).connect().await.unwrap()
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new().filename(self.directory.join(FILE))
    }

    /// Messages in `queue`, in hand and waiting ones too.
    pub(super) async fn count(&self, queue: &str) -> u32 {
        self.sum(|counted| counted.queue == queue).await
    }

    /// Messages that are not due yet.
    pub(super) async fn waiting(&self) -> u32 {
        self.sum(|counted| !counted.is_due).await
    }

    /// The file's own time is up to a second behind, and what was taken since then would be not due by it.
    async fn sum(&self, which: impl Fn(&Counted) -> bool) -> u32 {
        let counted = counted(&mut self.look().await, now_ms()).await.unwrap();
        let sum: u64 = counted.iter().filter(|counted| which(counted)).map(|c| c.messages).sum();
        u32::try_from(sum).unwrap()
    }

    /// Takes one message out of `queue`, waiting for it.
    pub(super) async fn take(&self, queue: &str) -> Letter {
        let taking = async {
            loop {
                if let Some(letter) = self.pop(queue).await {
                    return letter;
                }
                // A dead letter is not announced; this is the poll of a test, not a delay.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(&format!("a message in {queue}"), taking).await
    }

    /// Takes everything out of `queue`.
    pub(super) async fn drain(&self, queue: &str) -> Vec<Letter> {
        let mut letters = Vec::new();
        while let Some(letter) = self.pop(queue).await {
            letters.push(letter);
        }
        letters
    }

    async fn pop(&self, queue: &str) -> Option<Letter> {
        let message = self.embedded().pop(queue).await.unwrap()?;
        let (routing_key, rest) = (queue.to_owned(), Duration::ZERO);
        Some(Letter { message, routing_key, ttl: None, rest })
    }

    /// Puts a row into the work queue that has nothing of a message but its body.
    pub(super) async fn put_foreign(&self, body: &[u8]) {
        let (embedded, body) = (self.embedded(), body.to_vec());
        let putting = embedded.store().write(move |turn| {
            turn.connection.execute(
                "INSERT INTO message (queue, due_ms, identity, type, origin, attempt, \
                 received_ms, generation, body) VALUES ('work', ?, x'', '', '', 0, 0, 0, ?)",
                params![turn.now_ms(), body],
            )
        });
        putting.await.unwrap();
    }

    /// Waits until no queue has a message, but not for ever: acks may be on their way to the disk.
    pub(super) async fn settle(&self) {
        let empty = async {
            while !self.left().await.is_empty() {
                // There is nothing to wait on; this is the poll of a test, not a delay.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, empty).await;
    }

    /// The queues that hold messages, and how many.
    pub(super) async fn left(&self) -> Vec<(String, u32)> {
        let mut left = Vec::new();
        for queue in QUEUES {
            let count = self.count(queue).await;
            if count > 0 {
                left.push((queue.to_owned(), count));
            }
        }
        left
    }

    /// From here on the file cannot grow, as on a full disk. What fits into it as it is can
    /// still be written.
    pub async fn fill_disk(&self) {
        self.set("PRAGMA max_page_count = 1").await;
    }

    /// The file can grow again.
    pub async fn make_room(&self) {
        self.set("PRAGMA max_page_count = 1000000").await;
    }

    /// Of the connection that writes, which is why the file must be here.
    async fn set(&self, pragma: &'static str) {
        let embedded = self.embedded();
        let setting = embedded.store().look(|turn| turn.connection.execute_batch(pragma));
        setting.await.unwrap();
    }

    /// From here on the file takes no such write, nor what is written together with it. Whoever
    /// has it open then waits as for a full disk.
    pub async fn refuse(&self, write: Write) {
        self.change(match write {
            Write::Ack => {
                "CREATE TRIGGER refused BEFORE DELETE ON message \
                 BEGIN SELECT raise(ABORT, 'refused'); END"
            }
            Write::Release => {
                "CREATE TRIGGER refused BEFORE UPDATE OF state ON claim WHEN new.state = 'R' \
                 BEGIN SELECT raise(ABORT, 'refused'); END"
            }
        })
        .await;
    }

    /// The file takes every write again.
    pub async fn refuse_nothing(&self) {
        self.change("DROP TRIGGER refused").await;
    }

    /// Changes the file, whoever has it open.
    async fn change(&self, statement: &'static str) {
        let mut connection = self.options().connect().await.unwrap();
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

impl Drop for DataFile {
    fn drop(&mut self) {
        // Whoever still has it open keeps it; what cannot be removed must not fail a test.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Loan {
    /// Where the file is.
    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// Opens the file here again. The other process must have ended.
    pub async fn end(self) {
        let embedded = embedded(&self.0.directory).await;
        *self.0.embedded.lock().unwrap() = Some(embedded);
    }
}

async fn embedded(directory: &Path) -> Arc<Embedded> {
    let store = Store::open(directory).await.expect("the data file can be opened");
    Embedded::new(Arc::new(store))
}
