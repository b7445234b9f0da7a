//! What an owner writes under a lease, and what comes of it: the same on every engine.

use super::Release;

/// A write under a lease. All but an extension take along what the lease has that is not written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// Prolongs the lease by its full length.
    Extend,
    /// Steps' results.
    Remember,
    /// The same of one that is found out again if it is not there: a file need not have it on the disk.
    Note,
    /// Done, for good. Steps go: they may hold what need not be remembered for days.
    Complete,
    /// Given back.
    Release(Release),
}

/// What became of it. Said again after an unknown end it is answered the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Done,
    /// The entry is somebody else's, or not under this lease any more.
    Refused,
    /// The entry, or some of its steps, is not there. Nobody else has taken it: its owner puts it back
    /// and writes again.
    Missing,
}
