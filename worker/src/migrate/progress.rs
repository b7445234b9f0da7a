//! How far long work is, on standard error: a line a second at most, none for work that is done
//! within one.

use std::time::Duration;

use shared::terminal;
use tokio::time::Instant;

const EVERY: Duration = Duration::from_secs(1);

/// Counts towards a total.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    total: u64,
    done: u64,
    told: Instant,
}

impl Progress {
    pub(super) fn new(what: &'static str, total: u64) -> Self {
        Self { what, total, done: 0, told: Instant::now() }
    }

    pub(super) fn advance(&mut self, count: u64) {
        self.done += count;
        if self.told.elapsed() < EVERY {
            return;
        }
        self.told = Instant::now();
        // A closed standard error must not end the work.
        terminal::complain(format_args!("{} of {} {}", self.done, self.total, self.what));
    }
}
