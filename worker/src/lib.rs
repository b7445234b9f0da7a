//! The worker: runs handlers for HubSpot's events, each once, with retries and dead letters.
//!
//! An engineer of a HubSpot app needs [`Registry`], [`Context`], [`HandlerError`], [`handlers`] as
//! the model and [`trial`] to test with; everything else makes them run.

pub mod clients;
pub mod commands;
pub mod console;
pub mod context;
pub mod demo;
pub mod error;
pub mod handlers;
pub mod ledger;
pub mod limits;
pub mod metrics;
pub mod poster;
pub mod records;
pub mod registry;
pub mod settings;
pub mod stand_ins;
pub mod standalone;
pub mod trial;

mod addresses;
mod ages;
mod alerts;
mod count;
mod credentials;
mod engines;
mod executor;
mod hex;
mod indented;
mod migrate;
mod pauses;
mod portals;
mod processor;
mod turns;
mod verdict;
mod when;
mod worker;

pub use context::Context;
pub use engines::Engines;
pub use error::HandlerError;
pub use registry::{HandlerResult, Registry};
pub use worker::{Worker, run};
