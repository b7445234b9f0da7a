//! Who keeps the pauses: the ledger, for all workers, or this process alone.

use std::sync::Arc;

use crate::ledger::Ledger;
use crate::pauses::{PauseState, Pauses, Word};

/// Cheap to clone: the same keeper.
#[derive(Clone, Debug)]
pub(crate) enum Keeper {
    Ledger(Arc<Ledger>),
    /// For what is called beside events, without a ledger.
    Process(Arc<Pauses>),
}

impl Keeper {
    /// Of this process.
    pub(crate) fn process() -> Self {
        Self::Process(Arc::default())
    }

    pub(super) async fn say(&self, name: &str, word: Word) -> PauseState {
        match self {
            Self::Ledger(ledger) => ledger.pause(name, word).await,
            Self::Process(pauses) => pauses.hear(name, word),
        }
    }
}
