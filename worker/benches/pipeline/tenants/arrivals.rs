//! Which events have arrived at destinations, and when each came first.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How an event's id stands in it, and in what the shipped template `flat-record` makes of it.
const IDS: [&str; 2] = ["\"eventId\":", "\"event_id\":"];

#[derive(Default)]
pub(super) struct Arrivals(Mutex<HashMap<u64, Instant>>);

impl Arrivals {
    /// Notes the event of this body. Who sends it again comes too late.
    pub(super) fn note(&self, body: &[u8]) {
        let now = Instant::now();
        if let Some(id) = std::str::from_utf8(body).ok().and_then(id) {
            self.lock().entry(id).or_insert(now);
        }
    }

    /// How many of these have arrived.
    pub(super) fn count(&self, ids: impl Iterator<Item = u64>) -> u64 {
        let arrived = self.lock();
        ids.filter(|id| arrived.contains_key(id)).count() as u64
    }

    /// The same once it is all of them; or when that takes longer than `patience`.
    pub(super) async fn settled(
        &self,
        ids: impl Iterator<Item = u64> + Clone,
        patience: Duration,
    ) -> u64 {
        let (deadline, all) = (Instant::now() + patience, ids.clone().count() as u64);
        loop {
            let count = self.count(ids.clone());
            if count == all || Instant::now() > deadline {
                return count;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How long each took that has arrived, from when it was due.
    pub(super) fn since_due(&self, due: impl Iterator<Item = (u64, Instant)>) -> Vec<Duration> {
        let arrived = self.lock();
        due.filter_map(|(id, due)| arrived.get(&id).map(|at| at.saturating_duration_since(due)))
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id(body: &str) -> Option<u64> {
    IDS.iter().find_map(|before| number_after(body, before))
}

/// The number that stands in an event behind this.
pub(super) fn number_after(body: &str, before: &str) -> Option<u64> {
    let (_, rest) = body.split_once(before)?;
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
