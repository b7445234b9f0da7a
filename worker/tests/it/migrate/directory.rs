//! A data directory as a standalone leaves it, made and looked at through the library.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use prometheus_client::registry::Registry as Metrics;
use shared::broker::{Backlog, Broker, Embedded, Publication, Publisher, PublisherOptions, Route};
use shared::event::Identity;
use shared::message::Message;
use shared::metrics::BrokerMetrics;
use shared::store::Store;
use shared::testing::prefix;
use tokio::time::Instant;
use worker::parts::ledger::{Claim, EntryKey, Lease, Ledger};
use worker::parts::metrics::WorkerMetrics;

use crate::harness::{PATIENCE, TARGET, within};

/// Longer than any test takes.
const HOUR: Duration = Duration::from_secs(3600);

const ROWS: &str = "\
    SELECT json_array(id, queue, due_ms, hex(identity), attempt, target, error, hex(body)) FROM message \
    UNION ALL SELECT json_array(key, state, token, lowest, fence, abandoned, expires_ms) FROM claim \
    UNION ALL SELECT json_array(id, name, json) FROM step ORDER BY 1";

/// Removed when dropped; not there before it is opened.
pub(super) struct Directory(PathBuf);

/// The directory in this process' hands.
pub(super) struct Open {
    pub(super) embedded: Arc<Embedded>,
    publisher: Publisher,
    ledger: Ledger,
}

impl Directory {
    pub(super) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("hubline-migrate-{}", prefix())))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) async fn open(&self) -> Open {
        let store = Arc::new(Store::open(&self.0).await.unwrap());
        let embedded = Embedded::new(Arc::clone(&store));
        let options = PublisherOptions { name: "test".to_owned(), watch_depth: None };
        let metrics = BrokerMetrics::register(&mut Metrics::default());
        let publisher = Broker::Sqlite(Arc::clone(&embedded)).publisher(options, metrics).unwrap();
        let metrics = WorkerMetrics::register(&mut Metrics::default(), false);
        let ledger = Ledger::embedded(store, HOUR / 2, HOUR, metrics);
        Open { embedded, publisher, ledger }
    }

    /// What messages it has.
    pub(super) async fn backlog(&self) -> Backlog {
        let open = self.open().await;
        let backlog = open.embedded.backlog().await.unwrap();
        open.close().await;
        backlog
    }

    /// Everything in it that has a meaning: with the process its leases have ended.
    pub(super) async fn rows(&self) -> Vec<String> {
        let open = self.open().await;
        let reader = open.embedded.store().reader();
        let rows = sqlx::query_scalar(ROWS).fetch_all(reader).await.unwrap();
        open.close().await;
        rows
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Open {
    pub(super) async fn publish(&self, route: Route, messages: &[Message]) {
        let publication = |message: &Message| Publication { route, message: message.clone() };
        let batch = messages.iter().map(publication).collect();
        self.publisher.publish(batch, Instant::now() + PATIENCE).await.unwrap();
    }

    /// Claims the entry of an event for [`TARGET`].
    pub(super) async fn claim(&self, identity: &Identity) -> Lease {
        let entry = EntryKey { identity, target: TARGET, generation: 0 };
        match self.ledger.claim(&entry, 0).await {
            Claim::Started(lease) => lease,
            other => panic!("not started: {other:?}"),
        }
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Claims and completes the entries of these.
    pub(super) async fn complete(&self, messages: &[Message]) {
        let completing = messages.iter().map(|message| async {
            let lease = self.claim(&message.event.identity).await;
            assert!(self.ledger.complete(&lease).await);
        });
        join_all(completing).await;
    }

    pub(super) async fn execute(&self, statement: &'static str) {
        let store = self.embedded.store();
        store.write(|turn| turn.connection.execute_batch(statement)).await.unwrap();
    }

    pub(super) async fn close(self) {
        let closed = self.embedded.store().closed();
        drop(self);
        within("the data file to close", closed).await;
    }
}
