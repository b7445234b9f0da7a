//! How old the oldest live events are that are not done yet: those in this worker's hand, and those
//! that wait for another attempt, whichever worker sent them to. For people who watch; nothing is
//! decided by it.
//!
//! A broker does not tell how old a delayed message is, and there can be millions. So all whose waits
//! are about as long and end at about the same time share a mark, of which the oldest counts; marks
//! are kept in the ledger, where they survive workers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::registry::Registry;
use shared::clock::now_ms;
use shared::metrics::probe_by;
use tokio_util::task::AbortOnDropHandle;

use crate::ledger::{Ledger, Mark};

/// How often marks are exchanged with the ledger.
const EVERY: Duration = Duration::from_secs(15);
/// Waits share a mark if they end within this part of them.
const PART: i64 = 64;
const NONE: i64 = i64::MAX;
/// A longer wait is as good as one without end.
const LONGEST_MS: i64 = i64::MAX / 4;

/// The ages that one worker knows of.
#[derive(Debug)]
pub(crate) struct Ages {
    /// How many deliveries in hand were received at that time.
    in_hand: Mutex<BTreeMap<i64, u32>>,
    delayed: Mutex<Delayed>,
    /// The oldest that the ledger knew of, [`NONE`] if nothing is delayed.
    shared_ms: AtomicI64,
}

#[derive(Debug, Default)]
struct Delayed {
    /// By when it is due, when the oldest of it was received.
    marks: BTreeMap<i64, i64>,
    /// Those of them that the ledger does not know.
    untold: BTreeMap<i64, i64>,
}

/// A delivery in this worker's hand, for as long as this lives.
#[derive(Debug)]
pub(crate) struct InHand {
    ages: Arc<Ages>,
    received_ms: i64,
}

impl Ages {
    /// Nothing in hand, nothing delayed; `hubline_oldest_event_seconds` in `registry`.
    pub(crate) fn register(registry: &mut Registry) -> Arc<Self> {
        let ages = Arc::new(Self {
            in_hand: Mutex::default(),
            delayed: Mutex::default(),
            shared_ms: AtomicI64::new(NONE),
        });
        let asked = Arc::clone(&ages);
        probe_by(
            registry,
            "oldest_event_seconds",
            "Age since receipt of the oldest live event that is not done, by where it is: in hand, or delayed for another attempt; 0 if there is none",
            move || {
                let now_ms = now_ms();
                let age = |received_ms: Option<i64>| {
                    let ms = received_ms.map_or(0, |received_ms| (now_ms - received_ms).max(0));
                    Duration::from_millis(ms.cast_unsigned()).as_secs_f64()
                };
                vec![
                    ([("place", "in_hand")], age(asked.oldest_in_hand())),
                    ([("place", "delayed")], age(asked.oldest_delayed(now_ms))),
                ]
            },
        );
        ages
    }

    /// Counts a delivery that was taken.
    pub(crate) fn take(self: &Arc<Self>, received_ms: i64) -> InHand {
        *lock(&self.in_hand).entry(received_ms).or_default() += 1;
        InHand { ages: Arc::clone(self), received_ms }
    }

    /// Notes an event that was sent to wait for as long as `at_most`, or sent on to do so.
    pub(crate) fn delayed(&self, received_ms: i64, at_most: Duration) {
        let wait_ms = i64::try_from(at_most.as_millis()).unwrap_or(LONGEST_MS).min(LONGEST_MS);
        // Of a few widths only, or each wait would have marks of its own.
        let width_ms = 1000 << (wait_ms / PART / 1000).max(1).ilog2();
        let due_ms = (now_ms() + wait_ms) / width_ms * width_ms + width_ms;
        let mut delayed = lock(&self.delayed);
        let oldest = delayed.marks.entry(due_ms).or_insert(NONE);
        if received_ms < *oldest {
            *oldest = received_ms;
            delayed.untold.insert(due_ms, received_ms);
        }
    }

    /// Exchanges marks with the ledger until the handle is dropped.
    pub(crate) fn share(self: &Arc<Self>, ledger: Arc<Ledger>) -> AbortOnDropHandle<()> {
        let ages = Arc::clone(self);
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                ages.exchange(&ledger).await;
                tokio::time::sleep(EVERY).await;
            }
        }))
    }

    /// Exchanges marks with the ledger once, and waits for it if it is away.
    pub(crate) async fn exchange(&self, ledger: &Ledger) {
        let oldest = ledger.oldest_delayed(&self.untold(now_ms())).await;
        self.shared_ms.store(oldest.unwrap_or(NONE), Ordering::Relaxed);
    }

    /// What the ledger is to be told; what is over is forgotten.
    fn untold(&self, now_ms: i64) -> Vec<Mark> {
        let mut delayed = lock(&self.delayed);
        delayed.marks = delayed.marks.split_off(&now_ms);
        let untold = std::mem::take(&mut delayed.untold);
        let mark = |(due_ms, received_ms)| Mark { due_ms, received_ms };
        untold.into_iter().map(mark).filter(|mark| mark.due_ms >= now_ms).collect()
    }

    fn oldest_in_hand(&self) -> Option<i64> {
        lock(&self.in_hand).first_key_value().map(|(received_ms, _)| *received_ms)
    }

    fn oldest_delayed(&self, now_ms: i64) -> Option<i64> {
        let own = lock(&self.delayed).marks.range(now_ms..).map(|(_, oldest)| *oldest).min();
        let shared = self.shared_ms.load(Ordering::Relaxed);
        Some(own.unwrap_or(NONE).min(shared)).filter(|oldest| *oldest != NONE)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut in_hand = lock(&self.ages.in_hand);
        if let Some(count) = in_hand.get_mut(&self.received_ms) {
            *count -= 1;
            if *count == 0 {
                in_hand.remove(&self.received_ms);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_oldest_in_hand_counts_until_it_is_given_up() {
        let ages = Ages::register(&mut Registry::default());
        assert_eq!(ages.oldest_in_hand(), None);
        let (old, older, same) = (ages.take(20), ages.take(10), ages.take(10));
        assert_eq!(ages.oldest_in_hand(), Some(10));
        drop(older);
        assert_eq!(ages.oldest_in_hand(), Some(10));
        drop(same);
        assert_eq!(ages.oldest_in_hand(), Some(20));
        drop(old);
        assert_eq!(ages.oldest_in_hand(), None);
    }

    #[test]
    fn what_is_delayed_counts_until_it_is_due_and_is_told_once() {
        let ages = Ages::register(&mut Registry::default());
        let now = now_ms();
        ages.delayed(now - 70, HOUR);
        ages.delayed(now - 90, HOUR);
        ages.delayed(now - 80, HOUR);
        assert_eq!(ages.oldest_delayed(now), Some(now - 90));
        let told = ages.untold(now);
        assert_eq!(told.iter().map(|mark| mark.received_ms).min(), Some(now - 90));
        assert!(told.iter().all(|mark| mark.due_ms >= now + 3_600_000), "{told:?}");
        assert!(told.iter().all(|mark| mark.due_ms < now + 3_600_000 * 2), "{told:?}");
        assert_eq!(ages.untold(now), []);
        let later = now + 2 * 3_600_000;
        assert_eq!(ages.oldest_delayed(later), None);
    }

    #[test]
    fn a_million_delayed_events_take_a_hundred_marks() {
        let ages = Ages::register(&mut Registry::default());
        for number in 0..1_000_000 {
            ages.delayed(number, HOUR * 6);
        }
        assert!(lock(&ages.delayed).marks.len() < 100);
        for number in 0..1_000_000 {
            ages.delayed(number, Duration::from_millis(3_600_000 + number.cast_unsigned() * 18));
        }
        assert!(lock(&ages.delayed).marks.len() < 300, "{}", lock(&ages.delayed).marks.len());
        ages.delayed(7, Duration::MAX);
        assert_eq!(ages.oldest_delayed(now_ms() + 1_000_000_000_000), Some(7));
    }
}
