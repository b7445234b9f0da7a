//! Jobs: what is done to many dead letters, or to many events of the log. A plan first, then a row
//! that says how far it has come; whoever can works on it, and another goes on where that one ended.
//!
//! What is published again goes through the bulk queue, which live events never wait for.

use super::Records;

mod control;
mod ends;
mod job;
mod lease;
mod letters;
mod pace;
mod progress;
mod replay;
mod runner;
mod runs;
mod take;
#[cfg(test)]
mod tests;
mod wish;
mod work;

pub(super) use ends::{End, Ended};
pub use job::{Fate, Job, JobState, Kind};
pub use runner::Runner;
pub(super) use runs::{forget, note_ends};
pub use wish::{Action, DEFAULT_RATE, MAX_RATE, Scope, Wish};

use super::dead_letters::DeadLetters;

/// The jobs of one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Jobs {
    records: Records,
}

impl Jobs {
    /// Those in `records`. Connects to nothing yet.
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    fn letters(&self) -> DeadLetters {
        DeadLetters::new(self.records.clone())
    }
}
