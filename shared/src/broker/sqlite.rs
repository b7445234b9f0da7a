//! The broker of an embedded Hubline: queues as rows of the data file.
//!
//! A message is durable once its transaction is. What a consumer has in hand is known to this
//! process alone, so that a delivery costs no write and everything unsettled is ready again
//! after a crash.

mod fresh;
mod queue;
mod row;

pub(super) mod census;
pub(super) mod consumer;
pub(super) mod depth;
pub(super) mod embedded;
pub(super) mod export;
