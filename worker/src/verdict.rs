//! The one table that decides between ack, retry and dead letter.
//!
//! A run ends in an [`Outcome`]; [`decide`] says what that means for the ledger and the
//! message. It is a pure function: nothing is done here.

mod decision;
mod label;
mod outcome;
mod suspicion;
mod table;
mod wait;

pub(crate) use decision::{Decision, LedgerMove, MessageMove};
pub(crate) use label::Verdict;
pub(crate) use outcome::Outcome;
pub(crate) use suspicion::Suspicion;
pub(crate) use table::decide;
pub(crate) use wait::Wait;
