//! Tenants, their destinations and their routes: what `tenants.toml` says.
//!
//! Owns the reading of its text, its rules, and what differs between two versions of it. It refuses to open
//! files, to look secrets up, to call a destination, and to know what a filter means.

mod address;
mod batch;
mod database;
mod destination;
mod difference;
mod endpoint;
mod fault;
mod filter;
mod headers;
mod json;
mod known;
mod model;
mod name;
mod notes;
mod order;
mod owners;
mod place;
mod rate;
mod reading;
mod route;
mod secret_form;
mod secret_ref;
mod section;
mod section_kind;
mod sign;
mod sink;
mod size;
mod standing;
mod state;
mod statuses;
mod tenant;
mod text;
mod timeouts;
mod transform;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use batch::Batch;
pub(crate) use database::Database;
pub(crate) use destination::Destination;
pub(crate) use difference::{Change, Difference, Fate};
pub(crate) use endpoint::Endpoint;
pub(crate) use fault::Faults;
pub(crate) use headers::HeaderText;
pub(crate) use model::Tenants;
pub(crate) use reading::{MAX_APPLIED_BYTES, MAX_BYTES, MAX_TENANTS, read, too_long};
pub(crate) use route::Route;
pub(crate) use secret_form::SecretForm;
pub(crate) use secret_ref::SecretRef;
pub(crate) use section_kind::SectionKind;
pub(crate) use sign::Sign;
pub(crate) use sink::Sink;
pub(crate) use standing::Standing;
pub(crate) use state::State;
pub(crate) use tenant::Tenant;
pub(crate) use text::{SectionText, sections_in, text_of};
pub(crate) use timeouts::Timeouts;
pub(crate) use transform::{Gives, Transform};
