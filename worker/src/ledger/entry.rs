//! An entry of the ledger as it stands, on its way from one engine to the other.

use std::time::Duration;

/// Everything that is kept of one event, target and generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Identity, target and generation, with `:` between them.
    pub(crate) name: String,
    pub(crate) state: State,
    /// The last owner's.
    pub(crate) token: String,
    /// The lowest live attempt.
    pub(crate) lowest: u64,
    pub(crate) fence: u64,
    pub(crate) abandoned: u64,
    /// How long it is kept yet.
    pub(crate) left: Duration,
    /// Names and results as JSON.
    pub(crate) steps: Vec<(String, String)>,
}

/// How far an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A run had it when its process ended.
    Started,
    /// Given back.
    Released,
    /// Done.
    Completed,
}
