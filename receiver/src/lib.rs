//! The receiver: takes HubSpot's signed webhooks in and answers 200 when the broker has them.
//!
//! It is thin on purpose: it knows RabbitMQ only, no Redis, no database, no HubSpot API.

pub mod commands;
pub mod settings;

mod admin;
mod app;
mod business_hours;
mod endpoint;
mod intake;
mod metrics;
mod public_url;
mod receipt;
mod receiver;
mod rejection;
mod rejections;

pub use business_hours::BusinessHours;
pub use endpoint::Endpoint;
pub use receiver::{Receiver, run};
