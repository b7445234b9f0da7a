//! What runs do at limits: each has its dealings with them, its calls of services, and a few seats where it
//! may wait. And what is seen of it all.
//!
//! Owns when a run waits where it is and when it comes back. What a limit takes is [`crate::limits`]', and
//! where that is kept is the ledger's.

mod costs;
mod passages;
mod rooms;
mod seats;
mod shut;
mod trouble;
mod watch;

pub(crate) use costs::Costs;
pub(crate) use passages::{Turned, still_shut};
pub(crate) use rooms::{NoRoom, Rooms};
pub(crate) use seats::Seats;
pub(crate) use watch::Watch;
