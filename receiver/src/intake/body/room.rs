//! The room that the bodies of all requests in flight share: without a bound on their sum anybody
//! could fill the memory with bodies that nobody signed.
//!
//! Nobody can know who is genuine before the digest. So when there is no room for a new body, one that
//! is still being read is given up for it: the one that has taken most room for longest. A genuine
//! delivery is there in milliseconds, and small. What was read whole is never given up: its digest is
//! being computed, or it is genuine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::rejection::Rejection;

/// The largest body that may use all of the room. A hundred events are some 60 KiB.
const SMALL_BYTES: usize = 256 * 1024;
/// Of the room, what larger ones may use together.
const LARGE_SHARE: (usize, usize) = (3, 4);

/// The room. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    free: usize,
    /// What bodies that are not small may still take.
    free_for_large: usize,
    held: HashMap<u64, Held>,
    next: u64,
}

#[derive(Debug)]
struct Held {
    bytes: usize,
    since: Instant,
    /// It may be given up.
    reading: bool,
    given_up: Arc<Notify>,
}

/// What one body takes up, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    room: Room,
    id: u64,
    given_up: Arc<Notify>,
}

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        let (part, of) = LARGE_SHARE;
        Self(Arc::new(Mutex::new(Inner {
            free: bytes,
            free_for_large: bytes / of * part,
            held: HashMap::new(),
            next: 0,
        })))
    }

    /// Takes room for `bytes`; what is being read may have to give way.
    pub(crate) fn take(&self, bytes: usize) -> Result<Share, Rejection> {
        let given_up = Arc::new(Notify::new());
        let mut inner = self.inner();
        inner.make_room(bytes)?;
        let id = inner.next;
        inner.next += 1;
        inner.hold(
            id,
            Held { bytes, since: Instant::now(), reading: true, given_up: Arc::clone(&given_up) },
        );
        Ok(Share { room: self.clone(), id, given_up })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Gives up what is being read until `bytes` are free.
    fn make_room(&mut self, bytes: usize) -> Result<(), Rejection> {
        let large = is_large(bytes);
        while self.free < bytes || (large && self.free_for_large < bytes) {
            let now = Instant::now();
            let (_, id) = self
                .held
                .iter()
                // A large one never costs a small one.
                .filter(|(_, held)| held.reading && (!large || is_large(held.bytes)))
                .map(|(id, held)| (held.cost(now), *id))
                .max()
                .ok_or(Rejection::Busy)?;
            if let Some(held) = self.release(id) {
                held.given_up.notify_one();
            }
        }
        Ok(())
    }

    fn hold(&mut self, id: u64, held: Held) {
        self.free -= held.bytes;
        if is_large(held.bytes) {
            self.free_for_large -= held.bytes;
        }
        self.held.insert(id, held);
    }

    fn release(&mut self, id: u64) -> Option<Held> {
        let held = self.held.remove(&id)?;
        self.free += held.bytes;
        if is_large(held.bytes) {
            self.free_for_large += held.bytes;
        }
        Some(held)
    }
}

impl Held {
    /// Room by time.
    fn cost(&self, now: Instant) -> u128 {
        (now.saturating_duration_since(self.since).as_micros() + 1) * self.bytes as u128
    }
}

fn is_large(bytes: usize) -> bool {
    bytes > SMALL_BYTES
}

impl Share {
    /// Takes room for `bytes` in all.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Rejection> {
        let mut inner = self.room.inner();
        // It may have been given up in the meantime.
        let held = inner.release(self.id).ok_or(Rejection::Busy)?;
        let made = inner.make_room(bytes);
        let bytes = if made.is_ok() { bytes } else { held.bytes };
        inner.hold(self.id, Held { bytes, ..held });
        made
    }

    /// Resolves when it was given up for another.
    pub(crate) fn given_up(&self) -> impl Future<Output = ()> + use<> {
        let given_up = Arc::clone(&self.given_up);
        async move { given_up.notified().await }
    }

    /// It was read: what can be judged is not given up any more. An error if it was given up before.
    pub(crate) fn keep(&self) -> Result<(), Rejection> {
        let mut inner = self.room.inner();
        inner.held.get_mut(&self.id).ok_or(Rejection::Busy)?.reading = false;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.inner().release(self.id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::time::Duration;

    use super::*;

    fn is_given_up(share: &Share) -> bool {
        !share.room.inner().held.contains_key(&share.id)
    }

    fn age(share: &Share, by: Duration) {
        let mut inner = share.room.inner();
        let held = inner.held.get_mut(&share.id).unwrap();
        held.since = held.since.checked_sub(by).unwrap();
    }

    #[test]
    fn bodies_share_one_room_and_give_it_back() {
        let room = Room::new(100);
        let mut first = room.take(10).unwrap();
        first.grow(60).unwrap();
        let second = room.take(40).unwrap();
        assert_eq!(room.inner().free, 0);
        drop((first, second));
        assert_eq!(room.inner().free, 100);
        assert!(matches!(room.take(101), Err(Rejection::Busy)));
    }

    #[tokio::test]
    async fn what_takes_most_for_longest_gives_way() {
        let room = Room::new(100);
        let (small, large, young) =
            (room.take(10).unwrap(), room.take(50).unwrap(), room.take(40).unwrap());
        for (share, seconds) in [(&small, 3), (&large, 1)] {
            age(share, Duration::from_secs(seconds));
        }
        let _new = room.take(30).unwrap();
        assert!(is_given_up(&large) && !is_given_up(&small) && !is_given_up(&young));
        large.given_up().await;
    }

    #[test]
    fn what_is_genuine_stays_and_what_grows_may_lose_all() {
        let room = Room::new(100);
        let genuine = room.take(60).unwrap();
        genuine.keep().unwrap();
        age(&genuine, Duration::from_secs(9));
        let mut reading = room.take(40).unwrap();
        assert!(matches!(room.take(50), Err(Rejection::Busy)));
        assert!(is_given_up(&reading) && !is_given_up(&genuine));
        assert!(matches!(reading.grow(50), Err(Rejection::Busy)));
        assert!(matches!(reading.keep(), Err(Rejection::Busy)));
        drop(reading);
        assert_eq!(room.inner().free, 40);
    }

    #[test]
    fn large_ones_leave_room_for_small_ones_and_give_way_to_their_like() {
        let room = Room::new(4 * SMALL_BYTES * 10);
        let large: Vec<Share> = (0..3).map(|_| room.take(SMALL_BYTES * 10).unwrap()).collect();
        large[2].keep().unwrap();
        age(&large[1], Duration::from_secs(1));
        let small = room.take(SMALL_BYTES).unwrap();
        age(&small, Duration::from_secs(100));
        let _next = room.take(SMALL_BYTES * 10).unwrap();
        assert!(is_given_up(&large[1]) && !is_given_up(&small) && !is_given_up(&large[0]));
        assert_eq!(room.inner().free, SMALL_BYTES * 9);
    }
}
