//! What is shown in place of a value.

/// It.
pub(super) const REDACTED: &str = "[redacted]";
