//! The claim of a run, and what a claim finds instead.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Executor;
use super::gate::Pass;
use crate::ledger::{Claim, EntryKey, Lease};
use crate::run::InLine;
use crate::verdict::{Outcome, Suspicion};

/// How long shutdown waits for the answer to a claim.
const LAST_CLAIM: Duration = Duration::from_secs(1);

/// What a run holds until it is settled.
pub(super) struct Started<'a> {
    pub(super) lease: Arc<Lease>,
    pub(super) suspicion: Suspicion,
    /// Its place in the line of its record, where there is one.
    pub(super) in_line: Arc<InLine>,
    _pass: Pass<'a>,
}

impl Executor {
    /// Claims the entry for a run that may begin at once, or tells how it has ended. The gate is passed
    /// before: waited for under the claim, another run's crash would be blamed on this one. So a claim
    /// that would begin a run for which another turn is to be waited for is none.
    pub(super) async fn start(
        &self,
        entry: &EntryKey<'_>,
        attempt: u32,
    ) -> Result<Started<'_>, (Outcome, Option<Started<'_>>)> {
        let mut expected = Suspicion::None;
        loop {
            let pass = self.interrupt.run_until_cancelled(self.gate.pass(expected)).await;
            let Some(pass) = pass else { return Err((Outcome::Interrupted, None)) };
            let Some(pass) = pass else { return Err((Outcome::Limited(self.gate.away()), None)) };
            let Some(claim) = self.claim(entry, attempt, expected).await else {
                return Err((Outcome::Interrupted, None));
            };
            let lease = match claim {
                Claim::Held(_) => return Err((Outcome::Held, None)),
                Claim::Completed => return Err((Outcome::Duplicate, None)),
                Claim::Stale => return Err((Outcome::Stale, None)),
                Claim::Started(lease) => Arc::new(lease),
                Claim::Apart(abandoned) => {
                    expected = Suspicion::of(abandoned);
                    tracing::warn!(
                        event.id = %entry.identity,
                        handler = entry.target,
                        abandoned,
                        is_alone = expected == Suspicion::Accused,
                        "earlier runs ended with their worker: running apart"
                    );
                    continue;
                }
            };
            let suspicion = Suspicion::of(lease.abandoned);
            let started = Started { lease, suspicion, in_line: Arc::default(), _pass: pass };
            if suspicion == Suspicion::Convicted {
                return Err((Outcome::Crashed, Some(started)));
            }
            if self.interrupt.is_cancelled() {
                return Err((Outcome::Interrupted, Some(started)));
            }
            return Ok(started);
        }
    }

    /// Claims, unless shutdown came first. A claim on its way is waited for a moment longer:
    /// dropped, it would stand until its lease ran out and then be held against the event as
    /// an abandoned run.
    async fn claim(
        &self,
        entry: &EntryKey<'_>,
        attempt: u32,
        expected: Suspicion,
    ) -> Option<Claim> {
        if self.interrupt.is_cancelled() {
            return None;
        }
        let mut claiming =
            std::pin::pin!(self.ledger.claim_unless(entry, attempt, expected.apart()));
        tokio::select! {
            claim = &mut claiming => Some(claim),
            () = self.interrupt.cancelled() => timeout(LAST_CLAIM, claiming).await.ok(),
        }
    }
}
