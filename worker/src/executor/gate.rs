//! Which runs of a worker may go on beside each other.
//!
//! Owns that suspects run one at a time and that who is accused runs with nothing beside it. Most runs
//! are neither and never wait here for a suspect. Why, is told in docs/architecture.md, under Claims.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore};
use tokio::time::timeout;

use crate::verdict::Suspicion;

/// No suspect waits here for longer: its delivery is the broker's to watch over.
const LONGEST: Duration = Duration::from_secs(30);

/// One worker's.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Held for reading by every run, and for writing by one that must be alone.
    all: RwLock<()>,
    suspects: Mutex<()>,
    /// For suspects that wait here: each of them takes up a run.
    seats: Semaphore,
}

/// Held as long as its run has not been settled.
#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
pub(super) enum Pass<'a> {
    Beside(RwLockReadGuard<'a, ()>),
    Suspect(RwLockReadGuard<'a, ()>, MutexGuard<'a, ()>),
    Alone(RwLockWriteGuard<'a, ()>),
}

impl Gate {
    /// Of a worker that has so many runs at once: an eighth of them may wait here.
    pub(crate) fn of_runs(concurrency: u16) -> Self {
        let seats = Semaphore::new(usize::from((concurrency / 8).max(1)));
        Self { all: RwLock::new(()), suspects: Mutex::new(()), seats }
    }

    /// Waits until a run of what is held to be so may begin; `None` if too many suspects wait already, or
    /// for too long.
    pub(super) async fn pass(&self, suspicion: Suspicion) -> Option<Pass<'_>> {
        Some(match suspicion {
            Suspicion::None => Pass::Beside(self.all.read().await),
            Suspicion::Suspect => {
                let _seat = self.seats.try_acquire().ok()?;
                // In this order: who must be alone does not wait for those who wait here.
                let first = timeout(LONGEST, self.suspects.lock()).await.ok()?;
                Pass::Suspect(self.all.read().await, first)
            }
            Suspicion::Accused | Suspicion::Convicted => Pass::Alone(self.all.write().await),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_suspect_holds_up_other_suspects_and_nobody_else() {
        let gate = Gate::of_runs(8);
        let suspect = gate.pass(Suspicion::Suspect).await.unwrap();
        assert!(gate.pass(Suspicion::None).now_or_never().is_some(), "held up");
        let mut second = Box::pin(gate.pass(Suspicion::Suspect));
        assert!(second.as_mut().now_or_never().is_none(), "two at once");
        assert!(gate.pass(Suspicion::Suspect).await.is_none(), "more wait than may");
        drop(suspect);
        assert!(second.await.is_some());
    }

    #[tokio::test]
    async fn who_is_accused_has_nothing_beside_it() {
        let gate = Gate::of_runs(8);
        let other = gate.pass(Suspicion::None).await.unwrap();
        let mut accused = Box::pin(gate.pass(Suspicion::Accused));
        assert!(accused.as_mut().now_or_never().is_none(), "beside another");
        drop(other);
        let accused = accused.await.unwrap();
        for suspicion in [Suspicion::None, Suspicion::Suspect] {
            assert!(gate.pass(suspicion).now_or_never().is_none(), "{suspicion:?} beside it");
        }
        drop(accused);
        assert!(gate.pass(Suspicion::None).now_or_never().is_some());
    }
}
