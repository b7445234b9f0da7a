//! The dead letters people work with: taken out of their queues into the records, grouped by what
//! went wrong, and moved from state to state, each by compare-and-set.
//!
//! Owns no job: who retries claims letters here, publishes them, and says so.

use super::jobs::Jobs;
use super::redaction::Redaction;
use super::{Aliases, Records};

mod arrival;
pub(in crate::records) mod audit;
mod claims;
mod disclosure;
mod export;
mod filter;
mod fingerprint;
mod groups;
mod hand_over;
mod index;
mod indexer;
mod letter;
mod list;
pub(in crate::records) mod moves;
mod note;
mod open;
mod redacted;
mod retention;
mod show;
mod state;
mod superseded;
mod tally;

pub use audit::{Act, Acts};
pub(crate) use audit::{NOBODY, is_reserved};
pub use claims::{AtWork, ClaimOf};
pub(crate) use export::Format as ExportFormat;
pub use export::{Export, Exported};
pub use filter::Filter;
pub use groups::{Group, Grouping, Groups};
pub use index::Indexed;
pub use indexer::{Drained, Indexer, drain};
pub use letter::Letter;
pub(super) use list::Asked;
pub use list::{Count, Page, Plan};
pub(in crate::records) use list::{Counted, PLANNED};
pub use moves::Done;
pub(crate) use note::MAX_BYTES as MAX_NOTE_BYTES;
pub use note::{Noted, version as note_version};
pub(super) use retention::limit as retention_limit;
pub use retention::{Expired, Retention};
pub use show::Shown;
pub use state::{Counters, State};

pub(in crate::records) use fingerprint::{fingerprint, keyed};
pub(in crate::records) use moves::resolve;
pub(in crate::records) use superseded::{Stale, end_superseded, return_skipped};

/// The dead letters of one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    records: Records,
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

    /// The jobs that retry them.
    #[must_use]
    pub fn jobs(&self) -> Jobs {
        Jobs::new(self.records.clone())
    }
}
