//! Where a destination may be: on the internet, or where the operator says.
//!
//! Tenants choose addresses, and the worker stands in a network that is not theirs: without this they could
//! reach its neighbours by way of it. [`check()`] judges an address as it is written, [`Guarded`] what its
//! name leads to; both are needed, since a client asks no resolver for an address in numbers.

mod allow;
mod check;
mod guarded;
mod host;
mod public;
mod refused;

pub(crate) use allow::Allow;
pub(crate) use check::{check, check_database, check_slack};
pub(crate) use guarded::{Guarded, database_addresses};
pub(crate) use refused::Refused;
