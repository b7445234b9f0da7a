//! The worker: runs handlers for events, each once, with retries and dead letters.
//!
//! Who writes a handler needs [`Registry`], [`Context`] (which is a [`Run`]), [`HandlerError`] and
//! [`HubSpotEvent`], or [`Event`]; [`clients`] for the systems it talks to; [`handlers`] as the model; [`trial`] and
//! [`stand_ins`] to test with; [`run`] and [`settings`] to start. Everything else makes them run, and is
//! no part of this library.

pub mod clients;
pub mod handlers;
pub mod settings;
pub mod stand_ins;
pub mod trial;

mod addresses;
mod ages;
mod alerts;
mod client_address;
mod commands;
mod console;
mod context;
mod count;
mod credentials;
mod demo;
mod destination;
mod directory;
mod engines;
mod error;
mod executor;
mod filter;
mod forward;
mod generated;
mod hex;
mod indented;
mod installing;
mod ledger;
mod limits;
mod metrics;
mod migrate;
mod oauth;
mod order;
mod pauses;
mod portals;
mod poster;
mod processor;
mod records;
mod registry;
mod rehearsal;
mod remote;
mod rotation;
mod router;
mod run;
mod sealed;
mod service;
mod shared_record;
mod standalone;
mod strangers;
mod suggestion;
mod target;
mod tenants;
mod transform;
mod turns;
mod verdict;
#[cfg(test)]
mod warnings;
mod when;
mod worker;

pub use context::Context;
pub use error::{Failure, HandlerError};
pub use registry::{HandlerResult, Registry, RegistryError};
pub use run::{Claimed, MAX_STEP_BYTES, Run};
pub use shared::event::Event;
pub use shared::senders::hubspot::{Change, HubSpotEvent, ObjectType};
pub use worker::run;

/// What the program itself, its tests and its benchmarks need of the rest. It is no promise: anything in
/// here may change at any time.
#[doc(hidden)]
pub mod parts {
    pub use crate::engines::Engines;
    pub use crate::worker::Worker;

    pub mod commands {
        pub use crate::commands::*;
    }
    pub mod console {
        pub use crate::console::*;
    }
    pub mod forward {
        pub use crate::forward::*;
    }
    pub mod ledger {
        pub use crate::ledger::*;
    }
    pub mod limits {
        pub use crate::limits::*;
    }
    pub mod metrics {
        pub use crate::metrics::*;
    }
    pub mod poster {
        pub use crate::poster::*;
    }
    pub mod records {
        pub use crate::records::*;
    }
    pub mod standalone {
        pub use crate::standalone::*;
    }
}
