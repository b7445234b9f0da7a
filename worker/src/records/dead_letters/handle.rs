//! The dead letters of one database, as whoever works with them has them.

use crate::records::alias::Aliases;
use crate::records::handle::Records;
use crate::records::redaction::Redaction;

/// The dead letters of one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    pub(in crate::records) records: Records,
}

impl DeadLetters {
    /// Those in `records`. Connects to nothing yet.
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// How people call the letters' events.
    pub(crate) async fn aliases(&self, redaction: &Redaction) -> anyhow::Result<Aliases> {
        self.records.aliases(redaction).await
    }
}
