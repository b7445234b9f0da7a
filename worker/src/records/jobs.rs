//! Jobs: what is done to many dead letters, or to many events of the log. A plan first, then a row
//! that says how far it has come; whoever can works on it, and another goes on where that one ended.
//!
//! What is published again goes through the bulk queue, which live events never wait for.

mod batch;
mod control;
mod expecting;
mod handle;
mod job;
mod lease;
mod letters;
mod of_origin;
mod pace;
mod progress;
mod replay;
mod runner;
mod take;
#[cfg(test)]
mod tests;
mod wish;
mod work;

pub use handle::Jobs;
pub use job::{Fate, Job, JobState, Kind};
pub use runner::Runner;
pub use wish::{Action, DEFAULT_RATE, MAX_RATE, Scope, Wish};
