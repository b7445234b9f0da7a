//! The jobs of one database, as whoever makes or runs them has them.

use crate::records::dead_letters::handle::DeadLetters;
use crate::records::handle::Records;

/// The jobs of one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Jobs {
    pub(in crate::records) records: Records,
}

impl Jobs {
    /// Those in `records`. Connects to nothing yet.
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    pub(super) fn letters(&self) -> DeadLetters {
        DeadLetters::new(self.records.clone())
    }
}

impl DeadLetters {
    /// The jobs that retry them.
    #[must_use]
    pub fn jobs(&self) -> Jobs {
        Jobs::new(self.records.clone())
    }
}
