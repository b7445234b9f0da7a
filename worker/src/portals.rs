//! How much of a worker one account takes up: a portal, as most people call it.
//!
//! An account has at most its share of runs at once, and what comes on top waits for a place.
//! That wait is short where runs are: once the whole share is held by slow ones, nothing waits
//! for them any more, and the slots are left to other accounts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shared::origin::Origin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// A run that is older than this is slow.
const SLOW: Duration = Duration::from_secs(1);
/// Nobody is kept away longer, however many there are.
const LONGEST_AWAY: Duration = Duration::from_secs(60);

/// The portals that have runs now.
#[derive(Debug)]
pub(crate) struct Portals {
    share: usize,
    portals: Mutex<HashMap<Origin, Arc<Portal>>>,
}

#[derive(Debug)]
struct Portal {
    places: Arc<Semaphore>,
    slow: watch::Sender<usize>,
    turned_away: Mutex<TurnedAway>,
}

/// Runs that found no place, less those that may have come back since: one share a second.
#[derive(Debug)]
struct TurnedAway {
    count: f64,
    at: Instant,
}

impl TurnedAway {
    /// How long one more is to stay away, so that a share a second comes back and no more: all of
    /// a backlog that came back every second would be work without end, and none of it done.
    fn next(&mut self, share: f64) -> Duration {
        let now = Instant::now();
        let passed = now.duration_since(self.at).as_secs_f64();
        self.at = now;
        self.count = (self.count - passed * share).max(0.0) + 1.0;
        let wait = Duration::from_secs_f64((self.count / share).floor());
        wait.min(LONGEST_AWAY)
    }
}

impl Portals {
    /// Every portal gets `share` runs at once.
    pub(crate) fn new(share: usize) -> Self {
        Self { share: share.max(1), portals: Mutex::default() }
    }

    /// A place for a run, or how long to stay away: the share is full of slow runs. Waits no
    /// longer than a run takes to turn slow or end.
    pub(crate) async fn admit(&self, origin: &Origin) -> Result<Place<'_>, Duration> {
        let entry = self.entry(origin);
        if *entry.portal.slow.borrow() < self.share
            && let Ok(permit) = Arc::clone(&entry.portal.places).try_acquire_owned()
        {
            return Ok(Place { _permit: permit, entry });
        }
        let mut slow = entry.portal.slow.subscribe();
        let permit = tokio::select! {
            biased;
            _ = slow.wait_for(|slow| *slow >= self.share) => None,
            permit = Arc::clone(&entry.portal.places).acquire_owned() => permit.ok(),
        };
        match permit {
            Some(permit) => Ok(Place { _permit: permit, entry }),
            None => Err(entry.portal.turn_away(self.share)),
        }
    }

    fn entry(&self, origin: &Origin) -> Entry<'_> {
        let fresh = || {
            Arc::new(Portal {
                places: Arc::new(Semaphore::new(self.share)),
                slow: watch::Sender::new(0),
                turned_away: Mutex::new(TurnedAway { count: 0.0, at: Instant::now() }),
            })
        };
        let portal = Arc::clone(self.lock().entry(origin.clone()).or_insert_with(fresh));
        Entry { portals: self, origin: origin.clone(), portal }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Arc<Portal>>> {
        self.portals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Portal {
    fn turn_away(&self, share: usize) -> Duration {
        let share = f64::from(u32::try_from(share).unwrap_or(u32::MAX));
        self.turned_away.lock().unwrap_or_else(PoisonError::into_inner).next(share)
    }
}

/// A run's place in the share of its portal, until dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    _permit: OwnedSemaphorePermit,
    entry: Entry<'a>,
}

impl Place<'_> {
    /// Counts the run as slow once it is, until this future is dropped. Never resolves.
    pub(crate) async fn turn_slow(&self) {
        tokio::time::sleep(SLOW).await;
        let _slow = Slow::new(&self.entry.portal.slow);
        std::future::pending::<()>().await;
    }
}

struct Slow<'a>(&'a watch::Sender<usize>);

impl<'a> Slow<'a> {
    fn new(slow: &'a watch::Sender<usize>) -> Self {
        slow.send_modify(|slow| *slow += 1);
        Self(slow)
    }
}

impl Drop for Slow<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|slow| *slow -= 1);
    }
}

/// Somebody who has to do with a portal; the last one takes it off the map.
#[derive(Debug)]
struct Entry<'a> {
    portals: &'a Portals,
    origin: Origin,
    portal: Arc<Portal>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut portals = self.portals.lock();
        // Clones are made under the lock: this one and the map's are the last.
        if Arc::strong_count(&self.portal) == 2 {
            portals.remove(&self.origin);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_portal_waits_for_its_own_runs_and_not_for_slow_ones() {
        let (portals, seven) = (Portals::new(2), Origin::hubspot(7));
        let places = [portals.admit(&seven).await.unwrap(), portals.admit(&seven).await.unwrap()];
        let mut third = Box::pin(portals.admit(&seven));
        assert!(third.as_mut().now_or_never().is_none(), "there was room over the share");
        assert!(
            portals.admit(&Origin::hubspot(8)).await.is_ok(),
            "another portal has a share of its own"
        );

        let slow = places.each_ref().map(|place| Slow::new(&place.entry.portal.slow));
        assert!(third.await.is_err(), "waited on for slow runs");
        assert!(portals.admit(&seven).await.is_err());
        drop(slow);
        drop(places);
        assert!(portals.admit(&seven).await.is_ok());
        assert!(portals.lock().is_empty());
    }

    #[test]
    fn those_turned_away_come_back_a_share_a_second() {
        let mut turned_away = TurnedAway { count: 0.0, at: Instant::now() };
        let waits: Vec<u64> = (0..100_000).map(|_| turned_away.next(300.0).as_secs()).collect();
        assert_eq!((waits[0], waits[200]), (0, 0));
        assert!((2..=4).contains(&waits[1000]), "{}", waits[1000]);
        assert_eq!(waits.last(), Some(&60));
        turned_away.at -= Duration::from_secs(3600);
        assert_eq!(turned_away.next(300.0), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_place_given_back_goes_to_who_waits() {
        let (portals, seven) = (Portals::new(1), Origin::hubspot(7));
        let first = portals.admit(&seven).await.unwrap();
        let mut second = Box::pin(portals.admit(&seven));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        assert!(second.await.is_ok());
        assert!(portals.lock().is_empty());
    }
}
