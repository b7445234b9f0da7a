//! Work that two different events ask for, done once between them.
//!
//! Owns the claim of a business fact. [`Context::step`] remembers within one event; where the
//! other side takes an idempotency key, that is better than either.

use std::sync::Arc;

use shared::event::Identity;
use tokio::runtime::Handle;

use super::Context;
use crate::error::HandlerError;
use crate::ledger::{Claim, EntryKey, Release};
use crate::registry::HandlerResult;

/// Whose entries facts have in the ledger, beside those of handlers.
const TARGET: &str = "once";

impl Context {
    /// Runs `work` unless it was done for the same `fact`, by whichever event and handler, within
    /// the ledger's memory. A fact is a text that names what happened and to what, the portal
    /// included: `deal-won/62515/7/1790000000000`. It is kept as a hash.
    ///
    /// While another run is at it this one is put off, which spends no attempt. If `work` fails the
    /// fact is free again. As with a step, a crash can make it run twice.
    pub async fn once<F>(&self, fact: &str, work: F) -> HandlerResult
    where
        F: Future<Output = HandlerResult>,
    {
        let Some(mut claimed) = self.claim(fact, self.generation).await? else { return Ok(()) };
        let result = work.await;
        // Whoever took the claim over meanwhile decides; the work's own result stands.
        match result {
            Ok(()) => claimed.complete().await,
            Err(_) => claimed.release().await,
        }
        result
    }

    /// Runs `work` with a context whose steps are the fact's: every event of it finds them, and a
    /// replay too. The fact itself is never done: what is done in it are steps.
    pub(crate) async fn within<T, F>(
        &self,
        fact: &str,
        work: impl FnOnce(Self) -> F,
    ) -> Result<T, HandlerError>
    where
        F: Future<Output = Result<T, HandlerError>>,
    {
        let Some(mut claimed) = self.claim(fact, 0).await? else {
            let message = "the ledger has it done, which it never is";
            return Err(HandlerError::transient("FACT_DONE", message));
        };
        let result = work(claimed.cx.clone()).await;
        claimed.release().await;
        result
    }

    /// The claim of `fact`; `None` if that is done. Its lease outlasts the handler's time, so it needs
    /// no extending.
    async fn claim(&self, fact: &str, generation: u32) -> Result<Option<Claimed>, HandlerError> {
        // Only a hash is needed, and this kind is no event's.
        let identity = Identity::of_unreadable(fact.as_bytes());
        let entry = EntryKey { identity: &identity, target: TARGET, generation };
        match self.ledger.claim(&entry, 0).await {
            Claim::Started(lease) => {
                let cx = Self { lease: Arc::new(lease), ..self.clone() };
                Ok(Some(Claimed { cx, is_held: true }))
            }
            Claim::Completed | Claim::Stale => Ok(None),
            Claim::Held(wait) => {
                let message = "another event of the same fact is at work";
                Err(HandlerError::deferred(wait, "FACT_HELD", message))
            }
        }
    }
}

/// A fact that is claimed, and the context whose steps are the fact's.
struct Claimed {
    cx: Context,
    is_held: bool,
}

impl Claimed {
    async fn complete(&mut self) {
        self.cx.ledger.complete(&self.cx.lease).await;
        self.is_held = false;
    }

    async fn release(&mut self) {
        self.cx.ledger.release(&self.cx.lease, Release::Same).await;
        self.is_held = false;
    }
}

/// A handler that is cut off drops its work. Others need not wait for the lease's end then.
impl Drop for Claimed {
    fn drop(&mut self) {
        if let (true, Ok(runtime)) = (self.is_held, Handle::try_current()) {
            let cx = self.cx.clone();
            runtime.spawn(async move { cx.ledger.release(&cx.lease, Release::Same).await });
        }
    }
}
