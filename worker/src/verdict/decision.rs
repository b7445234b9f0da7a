//! What is to be done with the ledger's entry and the message.

use shared::message::DeathReason;

use super::{Verdict, Wait};
use crate::ledger::Release;

/// What is to become of the ledger's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LedgerMove {
    /// Nothing is held.
    None,
    Complete,
    Release(Release),
    /// Given back by a run that was put off, and so did not take its worker down.
    PutOff,
}

/// What is to become of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MessageMove {
    /// Done with.
    Ack,
    /// The same attempt again, after this wait.
    Again(Wait),
    /// The same attempt again, after this wait: then its turn comes where there was no room.
    InLine(Wait),
    /// The next attempt, after this wait.
    Retry(Wait),
    /// To the dead letters.
    Dead { reason: DeathReason, code: String, error: String },
    /// Back to its queue as it is.
    Requeue,
}

/// The decision on one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) ledger: LedgerMove,
    pub(crate) message: MessageMove,
}
