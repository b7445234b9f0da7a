//! What Hubline's receiver and worker must agree on.
//!
//! The crate is a map: each module has one noun and says in its first lines what it owns.

pub mod admin;
pub mod broker;
pub mod clock;
pub mod event;
mod format;
pub mod harmless;
pub mod healthcheck;
pub mod http_client;
mod identity;
mod link;
pub mod listener;
pub mod message;
pub mod metrics;
pub mod origin;
pub mod readiness;
pub mod retry;
pub mod senders;
pub mod settings;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod terminal;
pub mod trace;

#[cfg(feature = "testing")]
pub mod testing;
