//! How long a list is before it goes on.

/// Rows of one page of a list.
pub(super) const ROWS: u32 = 50;
