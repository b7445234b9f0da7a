//! What a migration has done so far.

use crate::records::Carried;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Entries that Redis did not have.
    pub(crate) entries_written: u64,
    /// Entries that it had.
    pub(crate) entries_there: u64,
    /// Messages that are on the broker and not in the file any more.
    pub(crate) messages: u64,
    /// Those among them that could not be read: dead letters now.
    pub(crate) unreadable: u64,
    /// Dead letters out of the records.
    pub(crate) letters: u64,
    /// What else of the records is in the cluster's now and was not.
    pub(crate) records: Carried,
}
