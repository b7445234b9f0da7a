//! The file as a whole. What is one rule's is tested beside it, or in a file of it here.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod bounds;
mod destinations;
mod difference;
mod faults;
mod generated;
mod orders;
mod reading;
mod routes;
mod sample;
mod sinks;
