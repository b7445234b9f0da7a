//! RabbitMQ (3.10 to 4.x) through lapin.
//!
//! lapin's own recovery stays off: in-flight confirms would hang through an outage. Instead a
//! supervisor treats connection, channels and consumers as one unit that is replaced whole.

mod connection;
mod depth;
mod dial;
mod lane;
mod provision;
mod pulse;
mod reply;

pub(super) mod consumer;
pub(super) mod depths;
pub(super) mod properties;
pub(super) mod publisher;
pub(super) mod settlement;
pub(super) mod topology;
