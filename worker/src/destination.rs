//! A destination: where a tenant's events go. An HTTP endpoint, a Slack channel, or a table in PostgreSQL.
//!
//! Its parts: `signing` proves to an endpoint who calls, `address` says where a destination may be, `verdict`,
//! `slack` and `postgres` say what answers mean, `partial` what they say of the events of a batch. None of them
//! sends anything.

pub(crate) mod address;
mod partial;
pub(crate) mod postgres;
mod signing;
pub(crate) mod slack;
mod verdict;

pub(crate) use partial::{Failed, failures};
pub(crate) use signing::{Signed, Signing};
pub(crate) use verdict::{Answer, Meaning, Overrides};
