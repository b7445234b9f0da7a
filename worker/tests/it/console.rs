//! The console as a browser meets it: over HTTP, on either database.

mod access;
mod actions;
mod away;
mod crowd;
mod disclosure;
mod events;
mod health;
mod hostile;
mod jobs;
mod limits;
mod pages;
mod program;
mod reach;
mod redaction;
pub(crate) mod rig;
mod secrets;
mod sessions;
mod tenants;
mod tokens;
