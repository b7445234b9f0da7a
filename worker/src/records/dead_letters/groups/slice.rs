//! Which of the groups are asked for.

/// Those with letters that somebody still has to do with, unless all are asked for.
pub(super) const OPEN: &str = "($1 OR dead + requested + retried > 0)";

/// A part of a list of groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice {
    pub(super) first: i64,
    pub(super) limit: i64,
}

/// All of them.
pub(super) const EVERY: Slice = Slice { first: 0, limit: i64::MAX };
