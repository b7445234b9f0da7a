//! A destination: a tenant's HTTP endpoint to which events are forwarded.
//!
//! Its parts: `signing` proves to it who calls, `address` says where it may be, `verdict` says what its
//! answers mean, `partial` what they say of the events of a batch. None of them sends anything.

pub(crate) mod address;
mod partial;
mod signing;
mod verdict;

pub(crate) use partial::{Failed, failures};
pub(crate) use signing::{Signed, Signing};
pub(crate) use verdict::{Answer, Meaning, Overrides};
