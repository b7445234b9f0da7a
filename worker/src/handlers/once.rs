//! Work that two different events ask for, done once between them.
//!
//! Owns the claim of a business fact. [`Context::step`] remembers within one event; where the
//! other side takes an idempotency key, that is better than either.

use shared::event::Identity;

use crate::context::Context;
use crate::error::HandlerError;
use crate::ledger::{Claim, EntryKey, Release};
use crate::registry::HandlerResult;

/// Runs `work` unless it was done for the same `fact`, by whichever event, within the ledger's
/// memory. While another run is at it this one waits its turn, which spends no attempt.
pub(super) async fn once<F>(cx: &Context, fact: &str, work: F) -> HandlerResult
where
    F: Future<Output = HandlerResult>,
{
    // Only a hash is needed, and this kind is no event's.
    let identity = Identity::of_unreadable(fact.as_bytes());
    let entry = EntryKey { identity: &identity, target: "once", generation: cx.generation };
    let lease = match cx.ledger.claim(&entry, 0).await {
        Claim::Started(lease) => lease,
        Claim::Completed | Claim::Stale => return Ok(()),
        Claim::Held(wait) => {
            let message = "another event of the same fact is at work";
            return Err(HandlerError::deferred(wait, "FACT_HELD", message));
        }
    };
    // The lease outlasts the handler's time, so it needs no extending.
    let result = work.await;
    // Whoever took the claim over meanwhile decides; the work's own result stands.
    match result {
        Ok(()) => cx.ledger.complete(&lease).await,
        Err(_) => cx.ledger.release(&lease, Release::Same).await,
    };
    result
}
