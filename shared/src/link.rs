//! Whether a server, or the data file, can be used now.

use std::fmt;
use std::sync::Arc;

/// The state of a connection, or of the data file, for readiness and metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Not connected (yet, or any more), with the last reason.
    #[default]
    Connecting,
    /// Not connected, and why.
    Down(Arc<str>),
    /// Working.
    Up,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("connecting"),
            Self::Down(reason) => write!(f, "down: {reason}"),
            Self::Up => f.write_str("up"),
        }
    }
}
