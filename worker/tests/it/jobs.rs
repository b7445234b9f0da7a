//! Jobs: dead letters retried and events replayed in bulk, by real workers on either database.

mod control;
mod interrupted;
mod program;
mod replay;
mod retry;
mod rig;
