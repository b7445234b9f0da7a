//! A data file of one test's own: a look into its queues, a disk that is full on demand, and
//! its end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::queues::Letter;
use crate::broker::Embedded;
use crate::store::Store;

/// All there are in a data file.
const QUEUES: [&str; 3] = ["work", "bulk", "dead"];

/// An open data file; its directory goes when this is dropped.
#[derive(Debug)]
pub struct DataFile {
    directory: PathBuf,
    embedded: Arc<Embedded>,
}

impl DataFile {
    /// A new one, with the test's prefix in its name.
    pub(super) async fn open(prefix: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("hubline-{prefix}"));
        let store = Store::open(&directory).await.expect("a data file can be made");
        Self { directory, embedded: Embedded::new(Arc::new(store)) }
    }

    pub(super) fn embedded(&self) -> &Arc<Embedded> {
        &self.embedded
    }

    /// Messages in `queue`, in hand and waiting ones too.
    pub(super) async fn count(&self, queue: &str) -> u32 {
        self.embedded.count(queue).await.unwrap()
    }

    /// Takes one message out of `queue`, waiting for it up to 30 s.
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
        tokio::time::timeout(Duration::from_secs(30), taking)
            .await
            .unwrap_or_else(|_| panic!("no message in {queue} within 30 s"))
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
        let message = self.embedded.pop(queue).await.unwrap()?;
        Some(Letter { message, routing_key: queue.to_owned() })
    }

    /// Waits until no queue has a message, 10 s at most: acks may be on their way to the disk.
    pub(super) async fn settle(&self) {
        let empty = async {
            while !self.left().await.is_empty() {
                // There is nothing to wait on; this is the poll of a test, not a delay.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(10), empty).await;
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

    async fn set(&self, pragma: &'static str) {
        let setting = self.embedded.store().write(move |turn| {
            Box::pin(async move {
                sqlx::raw_sql(pragma).execute(&mut turn.connection).await.map(|_| ())
            })
        });
        setting.await.unwrap();
    }
}

impl Drop for DataFile {
    fn drop(&mut self) {
        // Whoever still has it open keeps it; what cannot be removed must not fail a test.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
