//! What workers tell each other of what is delayed.

/// Stands for all live events that are delayed until about `due_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// When the last of them is worked on again, ms since the Unix epoch.
    pub(crate) due_ms: i64,
    /// When the oldest of them was received, ms since the Unix epoch.
    pub(crate) received_ms: i64,
}
