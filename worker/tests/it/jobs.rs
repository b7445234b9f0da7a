//! Jobs: dead letters retried and events replayed in bulk, by real workers on either database.

mod control;
mod edges;
mod interrupted;
mod program;
pub(crate) mod replay;
mod replay_edges;
mod retry;
pub(crate) mod rig;
