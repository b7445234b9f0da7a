//! What a delivery ended in, by the names that metrics, logs and records have.

use shared::metrics::label;

label! {
    /// What a delivery ended in, for one handler or for none.
    pub(crate) enum Verdict {
        /// The handler did it.
        Succeeded = "succeeded",
        /// Tried again later, with one attempt spent.
        Retried = "retried",
        /// Given up: every attempt failed.
        Exhausted = "exhausted",
        /// Given up: trying again cannot help.
        Permanent = "permanent",
        /// Given up: the bytes are no event.
        Unreadable = "unreadable",
        /// Given up: it takes its workers down.
        Crashed = "crashed",
        /// Not done, for what the handler needs is off: can be run later.
        Skipped = "skipped",
        /// Nothing to do, for the record is no longer there: can be run later.
        Gone = "gone",
        /// It had been done.
        Duplicate = "duplicate",
        /// A later attempt is on its way.
        Stale = "stale",
        /// No handler wants it.
        Unwanted = "unwanted",
        /// The app's own change.
        OwnWrite = "own_write",
        /// Another run holds it: tried again shortly.
        Held = "held",
        /// No room: tried again later.
        Limited = "limited",
        /// Shutdown came first, or no successor could be published any more: given back to its queue.
        Interrupted = "interrupted",
        /// Another worker took it over.
        Lost = "lost",
    }
}

impl Verdict {
    /// An end without a failure, for which there is a reason.
    pub(crate) fn is_nothing_to_do(self) -> bool {
        matches!(self, Self::Skipped | Self::Gone)
    }
}
