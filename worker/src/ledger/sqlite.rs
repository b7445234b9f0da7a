//! The ledger in the data file: every transition is one job of a transaction, by the file's own
//! clock, and means what the scripts on Redis mean.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::broker::{Link, oldest_delayed};
use shared::retry::Reconnect;
use shared::store::{NotWritten, Store};
use tokio_util::task::AbortOnDropHandle;

use super::{Claim, EntryKey, Lease, Release};
use crate::limits::Lines;
use crate::metrics::{Operation, WorkerMetrics};
use crate::pauses::Pauses;

pub(super) mod export;
mod forget;
mod gather;
#[cfg(test)]
mod tests;
mod transition;

use gather::{Gather, Unawaited};
use transition::{Claimant, Completion, Owner};

/// The ledger in the data file. While the file takes no writes its calls wait.
#[derive(Debug)]
pub struct Ledger {
    store: Arc<Store>,
    /// Each event is claimed and completed once: these are nearly all calls.
    claims: Gather<Arc<Claimant>, Claim>,
    completions: Gather<Completion, bool>,
    /// Nobody else asks in this file's name.
    pub(super) lines: Lines,
    pub(super) pauses: Pauses,
    lease: Duration,
    retention: Duration,
    pub(super) metrics: WorkerMetrics,
    _forgetting: AbortOnDropHandle<()>,
}

impl Ledger {
    /// Starts forgetting what has expired in the background.
    pub(super) fn start(
        store: Arc<Store>,
        lease: Duration,
        retention: Duration,
        metrics: WorkerMetrics,
    ) -> Self {
        let forgetting = tokio::spawn(forget::every_minute(Arc::clone(&store)));
        let forgetting = AbortOnDropHandle::new(forgetting);
        // A claim that nobody waits for would stand until its lease ran out, as an abandoned run.
        let claims = Gather::start(Arc::clone(&store), Unawaited::Skipped, |turn, claimants| {
            Box::pin(transition::claim(turn, claimants))
        });
        let completions = Gather::start(Arc::clone(&store), Unawaited::Run, |turn, completions| {
            Box::pin(transition::complete(turn, completions))
        });
        Self {
            store,
            claims,
            completions,
            lines: Lines::default(),
            pauses: Pauses::default(),
            lease,
            retention,
            metrics,
            _forgetting: forgetting,
        }
    }

    pub(super) fn lease(&self) -> Duration {
        self.lease
    }

    /// Whether the file took the last write.
    pub(super) fn is_up(&self) -> bool {
        self.store.link() == Link::Up
    }

    pub(super) async fn claim(&self, entry: &EntryKey<'_>, attempt: u32) -> Claim {
        let EntryKey { identity, target, generation } = entry;
        let claimant = Arc::new(Claimant {
            key: format!("{identity}:{target}:{generation}"),
            token: format!("{:032x}", rand::random::<u128>()),
            attempt: i64::from(attempt),
            lease_ms: millis(self.lease),
            retention_ms: millis(self.retention),
        });
        self.call(Operation::Claim, || self.claims.call(Arc::clone(&claimant))).await
    }

    pub(super) async fn extend(&self, lease: &Lease) -> bool {
        let (owner, lease_ms) = (self.owner(lease), millis(self.lease));
        let extend = || {
            let owner = Arc::clone(&owner);
            self.store.write(move |turn| {
                Box::pin(async move { transition::extend(turn, &owner, lease_ms).await })
            })
        };
        self.call(Operation::Extend, extend).await
    }

    pub(super) async fn remember(&self, lease: &Lease, step: &str, json: &str) -> bool {
        let owner = self.owner(lease);
        let (step, json): (Arc<str>, Arc<str>) = (step.into(), json.into());
        let remember = || {
            let (owner, step, json) = (Arc::clone(&owner), Arc::clone(&step), Arc::clone(&json));
            self.store.write(|turn| {
                Box::pin(async move { transition::remember(turn, &owner, &step, &json).await })
            })
        };
        self.call(Operation::Step, remember).await
    }

    pub(super) async fn complete(&self, lease: &Lease) -> bool {
        let completion = Completion { owner: self.owner(lease), has_steps: lease.has_steps() };
        self.call(Operation::Complete, || self.completions.call(completion.clone())).await
    }

    pub(super) async fn release(&self, lease: &Lease, release: Release) -> bool {
        let owner = self.owner(lease);
        let release = || {
            let owner = Arc::clone(&owner);
            self.store.write(move |turn| {
                Box::pin(async move { transition::release(turn, &owner, release).await })
            })
        };
        self.call(Operation::Release, release).await
    }

    /// The file's own messages tell.
    pub(super) async fn oldest_delayed(&self) -> Option<i64> {
        oldest_delayed(&self.store).await.ok().flatten()
    }

    fn owner(&self, lease: &Lease) -> Arc<Owner> {
        let (key, token) = (lease.key.clone(), lease.token.clone());
        Arc::new(Owner { key, token, retention_ms: millis(self.retention) })
    }

    /// One call, again and again until it is written: each is idempotent under its token, so
    /// one that was carried out without our knowing does no harm.
    async fn call<T, F>(&self, operation: Operation, attempt: impl Fn() -> F) -> T
    where
        F: Future<Output = Result<T, NotWritten>>,
    {
        let mut tries = Reconnect::default();
        loop {
            let started = Instant::now();
            let answer = attempt().await;
            self.metrics.ledger_call(operation, answer.is_ok(), started.elapsed());
            let error = match answer {
                Ok(value) => return value,
                Err(error) => error,
            };
            tracing::debug!(operation = operation.as_str(), %error, "ledger call failed, waiting");
            self.store.worth_another(error, &mut tries).await;
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
