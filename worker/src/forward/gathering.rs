//! Those who go the same way at the same time gather, until they are enough or the time is over.
//!
//! Owns when a gathering ends, and that each of its members is in one that does. Refuses to know what its
//! members are, and where they go.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// No gathering has more, in bytes, but for one member that has more by itself.
const MOST_BYTES: usize = 1024 * 1024;

/// Everybody who gathers now, by what they must have in common.
#[derive(Debug)]
pub(crate) struct Gathering<K, M> {
    open: Mutex<Opened<K, M>>,
}

#[derive(Debug)]
struct Opened<K, M> {
    by_key: HashMap<K, Open<M>>,
    /// How many there have been.
    count: u64,
}

/// One that can still be joined.
#[derive(Debug)]
struct Open<M> {
    /// Which it is: under its key there may be another one by the time that it ends.
    number: u64,
    members: Vec<M>,
    bytes: usize,
    until: Instant,
    /// Whoever joined last may have less time than all before.
    sooner: Arc<Notify>,
    /// Ends it before its time.
    full: oneshot::Sender<Vec<M>>,
}

/// Who joins.
pub(crate) struct Joining<M> {
    pub(crate) member: M,
    /// Of the member, in bytes.
    pub(crate) size: usize,
    /// Members of the gathering, at the most.
    pub(crate) most: usize,
    /// No later than that its gathering ends.
    pub(crate) until: Instant,
}

impl<K, M> Default for Gathering<K, M> {
    fn default() -> Self {
        Self { open: Mutex::new(Opened { by_key: HashMap::new(), count: 0 }) }
    }
}

impl<K, M> Gathering<K, M>
where
    K: Clone + Eq + Hash + Send + 'static,
    M: Send + 'static,
{
    /// Joins those of the same `key`. Once they are all, `go` is called with them, as a task of its own: it is
    /// nobody's whose run may be cut off. Only the first one's `go` is.
    pub(crate) fn join<F, G>(self: &Arc<Self>, key: &K, joining: Joining<M>, go: G)
    where
        F: Future<Output = ()> + Send + 'static,
        G: FnOnce(Vec<M>) -> F + Send + 'static,
    {
        let Joining { member, size, most, until } = joining;
        let mut opened = self.lock();
        let Opened { by_key, count } = &mut *opened;
        if by_key.get(key).is_some_and(|open| open.bytes.saturating_add(size) > MOST_BYTES) {
            by_key.remove(key).into_iter().for_each(Open::end);
        }
        let open = by_key.entry(key.clone()).or_insert_with(|| {
            *count += 1;
            let (full, ended) = oneshot::channel();
            let (sooner, members) = (Arc::new(Notify::new()), Vec::new());
            let waiting = Waiting { number: *count, until, sooner: Arc::clone(&sooner), ended };
            let (all, key) = (Arc::clone(self), key.clone());
            tokio::spawn(async move { go(all.end(key, waiting).await).await });
            Open { number: *count, members, bytes: 0, until, sooner, full }
        });
        open.members.push(member);
        open.bytes = open.bytes.saturating_add(size);
        if open.members.len() >= most || open.bytes >= MOST_BYTES {
            by_key.remove(key).into_iter().for_each(Open::end);
        } else if until < open.until {
            open.until = until;
            open.sooner.notify_one();
        }
    }

    /// Waits for the end of this gathering: all of its members.
    async fn end(self: Arc<Self>, key: K, waiting: Waiting<M>) -> Vec<M> {
        let Waiting { number, mut until, sooner, mut ended } = waiting;
        loop {
            tokio::select! {
                biased;
                members = &mut ended => return members.unwrap_or_default(),
                () = sooner.notified() => {}
                () = tokio::time::sleep_until(until) => {}
            }
            if let Entry::Occupied(open) = self.lock().by_key.entry(key.clone())
                && open.get().number == number
            {
                until = open.get().until;
                if until <= Instant::now() {
                    return open.remove().members;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Opened<K, M>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Open<M> {
    fn end(self) {
        // Whoever waits for it does until it has them.
        let _ = self.full.send(self.members);
    }
}

/// What waits for the end of a gathering.
struct Waiting<M> {
    number: u64,
    until: Instant,
    sooner: Arc<Notify>,
    ended: oneshot::Receiver<Vec<M>>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;

    const WAIT: Duration = Duration::from_millis(200);

    struct Place {
        gathering: Arc<Gathering<&'static str, u32>>,
        gone: mpsc::UnboundedSender<Vec<u32>>,
        all: mpsc::UnboundedReceiver<Vec<u32>>,
    }

    impl Place {
        fn new() -> Self {
            let (gone, all) = mpsc::unbounded_channel();
            Self { gathering: Arc::default(), gone, all }
        }

        fn join(&self, key: &'static str, member: u32, size: usize, wait: Duration) {
            let joining = Joining { member, size, most: 3, until: Instant::now() + wait };
            let gone = self.gone.clone();
            self.gathering.join(&key, joining, move |members| async move {
                gone.send(members).unwrap();
            });
        }

        async fn next(&mut self) -> Vec<u32> {
            self.all.recv().await.unwrap()
        }

        fn is_empty(&self) -> bool {
            self.gathering.lock().by_key.is_empty()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_once_they_are_enough_or_the_time_is_over() {
        let (mut place, begun) = (Place::new(), Instant::now());
        for member in 1..=5 {
            place.join("a", member, 1, WAIT);
        }
        assert_eq!(place.next().await, [1, 2, 3]);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(place.next().await, [4, 5]);
        assert!(begun.elapsed() >= WAIT && begun.elapsed() < WAIT * 2);
        assert!(place.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_in_between_waits_no_longer_than_the_first() {
        let (mut place, begun) = (Place::new(), Instant::now());
        place.join("a", 1, 1, WAIT);
        tokio::time::advance(WAIT / 2).await;
        place.join("a", 2, 1, WAIT);
        assert_eq!(place.next().await, [1, 2]);
        assert!(begun.elapsed() < WAIT + WAIT / 4);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_less_time_ends_it_sooner() {
        let (mut place, begun) = (Place::new(), Instant::now());
        place.join("a", 1, 1, WAIT);
        place.join("a", 2, 1, WAIT / 4);
        assert_eq!(place.next().await, [1, 2]);
        assert!(begun.elapsed() < WAIT / 2);
        place.join("a", 3, 1, Duration::ZERO);
        assert_eq!(place.next().await, [3]);
    }

    #[tokio::test(start_paused = true)]
    async fn those_of_another_key_are_by_themselves() {
        let mut place = Place::new();
        place.join("a", 1, 1, WAIT);
        place.join("b", 2, 1, WAIT * 2);
        place.join("a", 3, 1, WAIT);
        assert_eq!(place.next().await, [1, 3]);
        assert_eq!(place.next().await, [2]);
    }

    #[tokio::test(start_paused = true)]
    async fn none_is_larger_than_it_may_be_but_for_one_member() {
        let mut place = Place::new();
        place.join("a", 1, MOST_BYTES / 2, WAIT);
        place.join("a", 2, MOST_BYTES / 2 - 1, WAIT);
        place.join("a", 3, 2, WAIT);
        assert_eq!(place.next().await, [1, 2]);
        place.join("a", 4, MOST_BYTES * 2, WAIT);
        assert_eq!(place.next().await, [3]);
        assert_eq!(place.next().await, [4]);
        assert!(place.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_in_two_and_nobody_in_none() {
        let mut place = Place::new();
        let mut all = Vec::new();
        for member in 0..1000 {
            let wait = Duration::from_millis(u64::from(member * 7 % 11));
            place.join(["a", "b", "c"][member as usize % 3], member, 300_000, wait);
            if member % 5 == 0 {
                tokio::time::advance(Duration::from_millis(u64::from(member % 4))).await;
            }
        }
        while all.len() < 1000 {
            let members = place.next().await;
            assert!((1..=3).contains(&members.len()));
            all.extend(members);
        }
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
        assert!(place.is_empty());
    }
}
