//! Records: what became of every delivery, and the dead letters people work with. In PostgreSQL,
//! or in a SQLite file. Processing never waits for them.
//!
//! Owns no code: says what others see of it. Within, each file names the file that it takes something from.

mod alias;
mod carry;
mod clock;
mod conditions;
mod contact;
mod database;
mod days;
pub mod dead_letters;
mod erasure;
mod handle;
mod history;
mod installations;
pub mod jobs;
mod keeping;
mod kept;
mod key;
mod log;
mod opening;
mod origins;
mod partitions;
mod pulse;
pub mod redaction;
mod row;
mod runs;
mod schema;
mod search;
mod secret;
mod sessions;
mod tenants;
#[cfg(test)]
mod testing;

pub(crate) use alias::{Aliases, LETTERS as ALIAS_LETTERS};
pub(crate) use carry::Carried;
pub(crate) use database::took_too_long;
pub(crate) use handle::FILE;
pub use handle::Records;
pub use history::{Line, Question};
pub(crate) use installations::{Before, Given, InstallationState, PortalFacts, Taken};
pub(crate) use keeping::Keeping;
pub(crate) use key::{Key, Purpose};
pub(crate) use log::{Course, Log, Logged};
pub(crate) use origins::origin_meant;
pub(crate) use search::{Found, PATIENCE as SEARCH_PATIENCE};
pub(crate) use tenants::{
    Conflict, Edit, KeptSecret, NoTenant, SealedSecret, Section, SectionState, Sections, Stand,
    TenantsListener,
};
