//! Jobs: what is done to many letters, and events replayed in bulk, by real workers on either database.

mod acceptance;
mod control;
mod edges;
mod failing;
mod interrupted;
mod locked;
mod open;
mod owners;
pub(crate) mod program;
mod refused;
pub(crate) mod replay;
mod replay_edges;
mod retry;
pub(crate) mod rig;
mod slots;
mod stale;
mod standing;
mod takings;
mod told;
