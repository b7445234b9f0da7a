//! Tenants, their destinations and routes, as they stand in the records.
//!
//! Owns that workers see a change whole or not at all, and that two people who change them at once do not undo each
//! other's. Refuses to know what a section means: a body is JSON, which others read.

mod change;
mod listener;
mod of_origin;
mod refusing;
mod secrets;
mod section;
#[cfg(test)]
mod tests;
mod view;
mod writing;

pub(crate) use change::{Conflict, Edit};
pub(crate) use listener::TenantsListener;
pub(crate) use of_origin::NoTenant;
pub(in crate::records) use of_origin::{installed, reinstalled, uninstalled};
pub(crate) use refusing::Stand;
pub(crate) use secrets::{KeptSecret, SealedSecret};
pub(crate) use section::{Section, SectionState};
pub(crate) use view::Sections;
