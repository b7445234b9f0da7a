//! Which runs of a worker may go on beside each other.
//!
//! Owns that suspects run one at a time and that who is accused runs with nothing beside it. Most runs
//! are neither and never wait here for a suspect. Why, is told in docs/architecture.md, under Claims.

use std::ops::RangeInclusive;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore};
use tokio::time::timeout;

use crate::verdict::Suspicion;

/// No suspect waits here for longer: its delivery is the broker's to watch over.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a suspect stays away that finds no seat: as long as those before it take, within these.
const AWAY: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(5);
/// As long as nobody knows, in µs.
const UNSEEN_US: u64 = 10_000;
/// No run is taken for longer.
const MOST_US: u64 = 3_600_000_000;

/// One worker's.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Held for reading by every run, and for writing by one that must be alone.
    all: RwLock<()>,
    suspects: Mutex<()>,
    /// For suspects that wait here: each of them takes up a run.
    seats: Semaphore,
    seat_count: u32,
    /// How long a suspect's run takes, on average, in µs.
    mean_us: AtomicU64,
    /// When the last of those who were sent away comes back.
    line_end: std::sync::Mutex<Instant>,
}

/// A suspect's run, which tells how long it took.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _first: MutexGuard<'a, ()>,
    began: Instant,
    mean_us: &'a AtomicU64,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let took_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        // One at a time: nobody else writes it.
        let mean_us = self.mean_us.load(Ordering::Relaxed);
        let mean_us = (mean_us * 7 + took_us.min(MOST_US)) / 8;
        self.mean_us.store(mean_us, Ordering::Relaxed);
    }
}

/// Held as long as its run has not been settled.
#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
pub(super) enum Pass<'a> {
    Beside(RwLockReadGuard<'a, ()>),
    Suspect(RwLockReadGuard<'a, ()>, Turn<'a>),
    Alone(RwLockWriteGuard<'a, ()>),
}

impl Gate {
    /// Of a worker that has so many runs at once: an eighth of them may wait here.
    pub(crate) fn of_runs(concurrency: u16) -> Self {
        let seats = (concurrency / 8).max(1);
        Self {
            all: RwLock::new(()),
            suspects: Mutex::new(()),
            seats: Semaphore::new(usize::from(seats)),
            seat_count: seats.into(),
            mean_us: AtomicU64::new(UNSEEN_US),
            line_end: std::sync::Mutex::new(Instant::now()),
        }
    }

    /// How long a suspect stays away that found no seat: until those who have one are likely to be done, and
    /// those who were sent away before it. All at once they would come for nothing, again and again.
    pub(super) fn away(&self) -> Duration {
        let mean = Duration::from_micros(self.mean_us.load(Ordering::Relaxed));
        let now = Instant::now();
        let mut end = self.line_end.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (*end + mean).max(now + mean.saturating_mul(self.seat_count));
        let wait = (place - now).clamp(*AWAY.start(), *AWAY.end());
        *end = now + wait;
        wait
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
                let beside = self.all.read().await;
                let (began, mean_us) = (Instant::now(), &self.mean_us);
                Pass::Suspect(beside, Turn { _first: first, began, mean_us })
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
    async fn suspects_without_a_seat_come_back_one_after_the_other() {
        let gate = Gate::of_runs(400);
        let first = gate.away();
        let more: Vec<Duration> = (0..100).map(|_| gate.away()).collect();
        // By the real clock, which goes on meanwhile.
        assert!(more[99] > first + Duration::from_millis(500), "{first:?} {more:?}");
        assert!((0..1000).all(|_| gate.away() <= *AWAY.end()));
        let gate = Gate::of_runs(400);
        for _ in 0..64 {
            drop(gate.pass(Suspicion::Suspect).await);
        }
        assert_eq!(gate.away(), *AWAY.start(), "they take no time");
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
