//! What who asked is told of a write that did not happen.

/// Nothing was written. Why was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// The disk is full or fails, or the file cannot be used any more: `Store::link` says more,
    /// and `Store::back` when it is over.
    #[error("the data file takes no writes")]
    Down,
    /// This write failed by its own fault. What came with it was written.
    #[error("the data file refused a write")]
    Refused,
    /// More waits already than there is room for.
    #[error("too much waits for the data file")]
    Crowded,
}
