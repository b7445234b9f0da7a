//! What the runs of a worker may take up: a few places where they wait for a turn that is near, so that
//! those who wait leave the worker to others, and a part of them at one service.

use std::fmt;
use std::time::Duration;

use shared::broker::Lane;
use tokio::sync::Semaphore;

use super::trouble::Trouble;
use crate::limits::{Way, name};

/// What a call may take beside its own time, such as what is remembered around it.
const BESIDE: Duration = Duration::from_secs(10);

/// The seats of one worker.
#[derive(Debug)]
pub(crate) struct Seats {
    work: Semaphore,
    bulk: Semaphore,
    cap: u32,
    lease: Duration,
    /// Gates at which its runs were turned away lately.
    pub(super) trouble: Trouble,
    /// Limits at which they found no room lately.
    pub(super) full: Trouble,
}

impl Seats {
    /// Of a worker that has so many runs at once: an eighth for what comes live. Of bulk, which has a
    /// tenth of them in hand, a quarter waits. One service has half as many calls at once, of all workers
    /// together: should it hang, each of them has the other half for what does not need it.
    pub(crate) fn of_runs(concurrency: u16, longest_call: Duration) -> Self {
        let seats = |share: u16| Semaphore::new(usize::from((concurrency / share).max(1)));
        let (cap, lease) = (u32::from(concurrency / 2).max(1), longest_call + BESIDE);
        let (trouble, full) = (Trouble::default(), Trouble::default());
        Self { work: seats(8), bulk: seats(40), cap, lease, trouble, full }
    }

    /// The way to the service that is called so, with at most `cap` calls at once where it says.
    pub(super) fn way(&self, key: impl fmt::Display, cap: Option<u32>) -> Way {
        Way { key: name(key), cap: cap.unwrap_or(self.cap), lease: self.lease }
    }

    pub(super) fn of(&self, lane: Lane) -> &Semaphore {
        match lane {
            Lane::Work => &self.work,
            Lane::Bulk => &self.bulk,
        }
    }
}
