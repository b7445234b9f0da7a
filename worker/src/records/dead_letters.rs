//! The dead letters people work with: taken out of their queues into the records, grouped by what
//! went wrong, and moved from state to state, each by compare-and-set.
//!
//! Owns no job: who retries claims letters here, publishes them, and says so.

mod arrival;
pub(in crate::records) mod audit;
pub(in crate::records) mod claims;
mod disclosure;
mod drain;
mod export;
pub(in crate::records) mod exported;
pub(in crate::records) mod filter;
pub(in crate::records) mod fingerprint;
mod group;
mod groups;
mod hand_over;
pub(in crate::records) mod handle;
mod hour;
mod index;
mod indexer;
mod intake;
mod letter;
mod list;
mod moves;
mod note;
mod open;
mod part;
pub(in crate::records) mod plan;
mod redacted;
pub(in crate::records) mod resolve;
pub(in crate::records) mod retention;
mod show;
pub(in crate::records) mod state;
pub(in crate::records) mod superseded;
mod tally;

pub use super::runs::at_work::AtWork;
pub use audit::{Act, Acts};
pub(crate) use audit::{NOBODY, OWN_NAME, is_reserved};
pub use claims::ClaimOf;
pub use drain::{Drained, drain};
pub use export::Export;
pub(crate) use export::Format as ExportFormat;
pub use exported::Exported;
pub use filter::Filter;
pub use group::{Group, Grouping, Groups};
pub use handle::DeadLetters;
pub use index::Indexed;
pub use indexer::Indexer;
pub use letter::Letter;
pub use list::Page;
pub(crate) use note::MAX_BYTES as MAX_NOTE_BYTES;
pub use note::{Noted, version as note_version};
pub use plan::{Count, Plan};
pub use resolve::Done;
pub use retention::{Expired, Retention};
pub use show::Shown;
pub use state::{Counters, State};
