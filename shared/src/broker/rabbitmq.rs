//! RabbitMQ (3.10 to 4.x) through lapin.
//!
//! lapin's own recovery stays off: in-flight confirms would hang through an outage. Instead a
//! supervisor treats connection, channels and consumers as one unit that is replaced whole.

mod channel;
mod connection;
mod consuming;
mod declare;
mod depth;
mod dial;
mod goodbye;
mod outlet;
mod provision;
mod pulse;
mod race;
mod reply;
mod socket;

pub(super) mod census;
pub(super) mod consumer;
pub(super) mod measuring;
pub(super) mod properties;
pub(super) mod publisher;
pub(super) mod settlement;
pub(super) mod taken;
pub(super) mod topology;
