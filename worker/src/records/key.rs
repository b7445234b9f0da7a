//! What keys of the records' own are: random, and for one purpose each. Nothing shows one.

use std::sync::Arc;

use secrecy::SecretBox;
use tokio::sync::OnceCell;

/// A key, which nothing prints.
pub(crate) type Key = SecretBox<[u8; 32]>;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The console's sessions.
    Sessions,
    /// The fingerprints of problems.
    Problems,
    /// What events are called where their identities would tell too much.
    Aliases,
}

/// Those that this process knows already, by their purposes.
pub(super) type Keys = [OnceCell<Arc<Key>>; 3];

impl Purpose {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Problems => "problems",
            Self::Aliases => "aliases",
        }
    }
}
