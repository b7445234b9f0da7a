//! Jobs: dead letters retried and events replayed in bulk. A plan first, then a row that says how
//! far it has come; whoever has a broker works on it, and another goes on where that one ended.
//!
//! What is published again goes through the bulk queue, which live events never wait for.

use super::Records;

mod control;
mod ends;
mod job;
mod lease;
mod letters;
mod replay;
mod runner;
mod wish;
mod work;

pub(super) use ends::{End, note_ends};
pub use job::{Job, JobState, Kind};
pub use runner::Runner;
pub use wish::{DEFAULT_RATE, MAX_RATE, Scope, Wish};

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
