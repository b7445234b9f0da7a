//! The dead letters people work with: taken out of their queues into the records, grouped by what
//! went wrong, and moved from state to state, each by compare-and-set.
//!
//! Owns no retry: who retries claims letters here, publishes them, and says so.

use super::Records;

mod arrival;
mod audit;
mod export;
mod filter;
mod fingerprint;
mod groups;
mod index;
mod indexer;
mod letter;
mod list;
mod moves;
mod note;
mod redacted;
mod retention;
mod show;
mod state;
mod tally;

pub use audit::Act;
pub use export::{Export, Exported};
pub use filter::Filter;
pub use groups::{Group, Grouping};
pub use index::Indexed;
pub use indexer::{Drained, Indexer, drain};
pub use letter::Letter;
pub use list::{Page, Plan};
pub use moves::Done;
pub use retention::{Expired, Retention};
pub use show::Shown;
pub use state::{Counters, State};

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
}
