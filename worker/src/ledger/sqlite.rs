//! The ledger in the data file: every transition is one job of a transaction, by the file's own
//! clock, and means what the scripts on Redis mean.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::broker::{Link, oldest_delayed};
use shared::retry::Reconnect;
use shared::store::{NotWritten, Store};
use tokio_util::task::AbortOnDropHandle;

use super::lease::Steps;
use super::shared_texts::SharedTexts;
use super::{Claim, EntryKey, Lease, Write, Written};
use crate::limits::Lines;
use crate::metrics::{Operation, WorkerMetrics};
use crate::order::Orders;
use crate::pauses::Pauses;

mod claims;
pub(super) mod export;
mod forget;
mod gather;
#[cfg(test)]
mod tests;
mod writes;

use claims::Claimant;
use gather::{Gather, Survives, Unawaited};
use writes::{Completion, Known, Owner};

/// The ledger in the data file. While the file takes no writes its calls wait.
#[derive(Debug)]
pub struct Ledger {
    store: Arc<Store>,
    /// Each event is claimed and completed once: these are nearly all calls.
    claims: Gather<Arc<Claimant>, Claim>,
    completions: Gather<Completion, Written>,
    /// Nobody else asks in this file's name.
    pub(super) lines: Lines,
    pub(super) pauses: Pauses,
    pub(super) orders: Orders,
    pub(super) shared: SharedTexts,
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
        let (of_claims, of_completions) = (Arc::clone(&store), Arc::clone(&store));
        let claims = Gather::start(of_claims, Unawaited::Skipped, Survives::Process, claims::claim);
        let completions =
            Gather::start(of_completions, Unawaited::Run, Survives::PowerLoss, writes::complete);
        Self {
            store,
            claims,
            completions,
            lines: Lines::default(),
            pauses: Pauses::default(),
            orders: Orders::default(),
            shared: SharedTexts::default(),
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

    pub(super) async fn claim(
        &self,
        entry: &EntryKey<'_>,
        attempt: u32,
        apart: &'static [u32],
    ) -> Claim {
        let EntryKey { identity, target, generation } = entry;
        let key = format!("{identity}:{target}:{generation}");
        let claimant = Arc::new(Claimant {
            hash: claims::hash(&key),
            key,
            token: format!("{:032x}", rand::random::<u128>()),
            attempt: i64::from(attempt),
            apart,
            lease_ms: millis(self.lease),
            retention_ms: millis(self.retention),
        });
        self.call(Operation::Claim, || self.claims.call(Arc::clone(&claimant))).await
    }

    /// One write under a lease. `steps` are those that may not be there yet.
    pub(super) async fn write(&self, lease: &Lease, write: Write, steps: &Steps) -> Written {
        let owner = self.owner(lease);
        let (operation, lease_ms) = match write {
            Write::Complete => {
                let completion = Completion { owner, has_steps: lease.step_count() > 0 };
                let complete = || self.completions.call(completion.clone());
                return self.call(Operation::Complete, complete).await;
            }
            Write::Extend => (Operation::Extend, millis(self.lease)),
            Write::Remember | Write::Note => (Operation::Step, 0),
            Write::Release(_) => (Operation::Release, 0),
        };
        let steps: Arc<Steps> = Arc::new(steps.clone());
        // Results must survive a loss of power. After one, a lease that is not given back is over as well.
        let is_noted = write == Write::Note && steps.len() == 1;
        let is_synced = !steps.is_empty() && !is_noted;
        let job = || {
            let (owner, steps) = (Arc::clone(&owner), Arc::clone(&steps));
            let writing = writes::Writing { owner, write, lease_ms, steps };
            async move {
                if is_synced {
                    self.store.write_soon(move |turn| writing.carry_out(turn)).await
                } else {
                    self.store.write_unsynced(move |turn| writing.carry_out(turn)).await
                }
            }
        };
        self.call(operation, job).await
    }

    /// Puts back what the lease knows; false if somebody else has the entry.
    pub(super) async fn restore(&self, lease: &Lease) -> bool {
        let known = Arc::new(Known {
            owner: self.owner(lease),
            attempt: i64::from(lease.attempt),
            fence: lease.fence.cast_signed(),
            abandoned: i64::from(lease.abandoned),
            lease_ms: millis(self.lease),
            steps: lease.steps(),
        });
        let restore = || {
            let known = Arc::clone(&known);
            self.store.write(move |turn| writes::restore(turn, &known))
        };
        self.call(Operation::Restore, restore).await
    }

    /// The file's own messages tell.
    pub(super) async fn oldest_delayed(&self) -> Option<i64> {
        oldest_delayed(&self.store).await.ok().flatten()
    }

    fn owner(&self, lease: &Lease) -> Arc<Owner> {
        let (key, token) = (lease.key.clone(), lease.token.clone());
        Arc::new(Owner {
            hash: claims::hash(&key),
            key,
            token,
            retention_ms: millis(self.retention),
        })
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
