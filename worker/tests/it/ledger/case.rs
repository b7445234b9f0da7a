//! One entry, and ledgers of one engine that have it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::AsyncTypedCommands as _;
use prometheus_client::registry::Registry;
use rusqlite::{OptionalExtension as _, params};
use shared::clock::now_ms;
use shared::event::Identity;
use shared::metrics::registry;
use shared::store::Store;
use shared::testing::{prefix, redis_url};
use worker::parts::ledger::{Claim, EntryKey, Lease, Ledger, LedgerOptions};
use worker::parts::metrics::WorkerMetrics;

use crate::harness::{Entries, TARGET, within};

pub(super) const LONG: Duration = Duration::from_secs(60);

pub(super) struct Case {
    pub(super) identity: Identity,
    engine: Engine,
}

enum Engine {
    Redis { prefix: String, entries: Entries },
    Sqlite { directory: PathBuf, store: Arc<Store> },
}

impl Case {
    pub(super) async fn on_redis() -> Self {
        let prefix = prefix();
        let entries = Entries::open(&redis_url(), &prefix).await;
        Self::on(Engine::Redis { prefix, entries })
    }

    pub(super) async fn on_sqlite() -> Self {
        let directory = std::env::temp_dir().join(prefix());
        let store = Arc::new(Store::open(&directory).await.unwrap());
        Self::on(Engine::Sqlite { directory, store })
    }

    fn on(engine: Engine) -> Self {
        Self { identity: Identity::of_unreadable(b"an event"), engine }
    }

    /// Another ledger that has the same entry.
    pub(super) fn ledger(&self, lease: Duration) -> Ledger {
        self.ledger_for(lease, LONG)
    }

    /// Those of several workers, as far as the engine takes more than one.
    pub(super) fn sharing(&self) -> Vec<Ledger> {
        let count = match self.engine {
            Engine::Redis { .. } => 2,
            Engine::Sqlite { .. } => 1,
        };
        (0..count).map(|_| self.ledger(LONG)).collect()
    }

    pub(super) fn ledger_for(&self, lease: Duration, retention: Duration) -> Ledger {
        let metrics = WorkerMetrics::register(&mut registry("worker"), false);
        match &self.engine {
            Engine::Redis { prefix, .. } => {
                let (url, prefix) = (redis_url().into(), prefix.clone());
                Ledger::start(LedgerOptions { url, prefix, lease, retention }, metrics).unwrap()
            }
            Engine::Sqlite { store, .. } => {
                Ledger::embedded(Arc::clone(store), lease, retention, metrics)
            }
        }
    }

    /// A ledger that reaches Redis at another address.
    pub(super) fn ledger_at(&self, url: &str) -> Ledger {
        self.ledger_measured(url).0
    }

    /// The same with what is measured of it.
    pub(super) fn ledger_measured(&self, url: &str) -> (Ledger, Registry) {
        let Engine::Redis { prefix, .. } = &self.engine else { panic!("not on Redis") };
        Self::ledger_of(url, prefix)
    }

    /// A ledger on some Redis, with what is measured of it.
    pub(super) fn ledger_of(url: &str, prefix: &str) -> (Ledger, Registry) {
        let (url, prefix) = (url.to_owned().into(), prefix.to_owned());
        let options = LedgerOptions { url, prefix, lease: LONG, retention: LONG };
        let mut measured = registry("worker");
        let metrics = WorkerMetrics::register(&mut measured, false);
        (Ledger::start(options, metrics).unwrap(), measured)
    }

    pub(super) fn entry(&self) -> EntryKey<'_> {
        EntryKey { identity: &self.identity, target: TARGET, generation: 0 }
    }

    pub(super) async fn start(&self, ledger: &Ledger, attempt: u32) -> Lease {
        started(ledger.claim(&self.entry(), attempt).await)
    }

    /// Claims until the lease that stands has run out.
    pub(super) async fn take_over(&self, ledger: &Ledger, attempt: u32) -> Lease {
        let taking_over = async {
            loop {
                match ledger.claim(&self.entry(), attempt).await {
                    Claim::Held(_) => tokio::task::yield_now().await,
                    claim => return started(claim),
                }
            }
        };
        within("a lease to run out", taking_over).await
    }

    /// The entry as it stands, named as [`Entries::of`] does; empty if there is none.
    pub(super) async fn parts(&self) -> HashMap<String, String> {
        match &self.engine {
            Engine::Redis { entries, .. } => entries.of(&self.identity).await,
            Engine::Sqlite { store, .. } => rows(store, &self.identity).await,
        }
    }

    /// Takes the entry away, as a failover does to a replica that had not got it. That takes longer than
    /// the clock of fences needs for a tick.
    pub(super) async fn lose(&self) {
        let begin_ms = now_ms();
        while now_ms() < begin_ms + 3 {
            tokio::task::yield_now().await;
        }
        match &self.engine {
            Engine::Redis { entries, .. } => entries.lose(&self.identity).await,
            Engine::Sqlite { store, .. } => {
                let lost = store.write(|turn| {
                    turn.connection.execute_batch("DELETE FROM claim; DELETE FROM step")
                });
                lost.await.unwrap();
            }
        }
    }

    /// Takes the steps away and leaves the entry.
    pub(super) async fn lose_steps(&self) {
        self.entries().lose_steps(&self.identity).await;
    }

    /// Waits until a ledger has looked at what Redis remembers: it knows then what time it is there.
    pub(super) async fn looked_at(&self) {
        let entries = self.entries();
        let (plain, mut redis) = (entries.name("memory:{all}:plain"), entries.redis.clone());
        within("the look", async {
            while redis.get(&plain).await.unwrap().is_none() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// The entries on Redis, past the ledger.
    pub(super) fn entries(&self) -> &Entries {
        let Engine::Redis { entries, .. } = &self.engine else { panic!("not on Redis") };
        entries
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if let Engine::Sqlite { directory, .. } = &self.engine {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

pub(super) fn started(claim: Claim) -> Lease {
    match claim {
        Claim::Started(lease) => lease,
        other => panic!("not started: {other:?}"),
    }
}

const STEPS: &str = "SELECT 'step:' || name, json FROM step \
    WHERE id >> 20 = (SELECT id FROM claim WHERE key = ?)";

async fn rows(store: &Store, identity: &Identity) -> HashMap<String, String> {
    let key = format!("{identity}:{TARGET}:0");
    let read = store.write(move |turn| {
        let mut entry = turn.connection.prepare(
            "SELECT state, token, lowest, fence, abandoned, lease_until_ms FROM claim \
             WHERE key = ? AND expires_ms > ?",
        )?;
        let entry = entry.query_row(params![key, turn.now_ms()], |row| {
            <(String, String, i64, i64, i64, i64)>::try_from(row)
        });
        let mut steps = turn.connection.prepare(STEPS)?;
        let steps = steps.query_map([&key], |row| <(String, String)>::try_from(row))?;
        Ok((entry.optional()?, steps.collect::<Result<Vec<_>, _>>()?))
    });
    let (Some((state, token, lowest, fence, abandoned, lease_until_ms)), steps) =
        read.await.unwrap()
    else {
        return HashMap::new();
    };
    let [lowest, fence, abandoned, end] =
        [lowest, fence, abandoned, lease_until_ms].map(|number| number.to_string());
    let parts =
        [("s", state), ("o", token), ("l", lowest), ("f", fence), ("a", abandoned), ("x", end)];
    parts.into_iter().map(|(name, part)| (name.to_owned(), part)).chain(steps).collect()
}
