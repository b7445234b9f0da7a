//! Where runs of a worker wait for a turn that is near: a few places, so that those who wait leave the
//! worker to others.

use shared::broker::Lane;
use tokio::sync::Semaphore;

/// The seats of one worker.
#[derive(Debug)]
pub(crate) struct Seats {
    work: Semaphore,
    bulk: Semaphore,
}

impl Seats {
    /// Of a worker that has so many runs at once: an eighth for what comes live. Of bulk, which has a
    /// tenth of them in hand, a quarter waits.
    pub(crate) fn of_runs(concurrency: u16) -> Self {
        let seats = |share: u16| Semaphore::new(usize::from((concurrency / share).max(1)));
        Self { work: seats(8), bulk: seats(40) }
    }

    pub(super) fn of(&self, lane: Lane) -> &Semaphore {
        match lane {
            Lane::Work => &self.work,
            Lane::Bulk => &self.bulk,
        }
    }
}
