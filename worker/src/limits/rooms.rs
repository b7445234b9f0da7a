//! What one run has asked at limits: whether it is new there, has had its place or has begun, and how
//! many requests it made.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::broker::Lane;
use shared::message::Waiting;
use tokio::sync::OnceCell;

use super::{Costs, Limit, Room, Standing};
use crate::ledger::Ledger;

/// A place that is nearer is waited for where the run is.
const NEAR: Duration = Duration::from_secs(2);
/// So long a run waits at the most where its turn is.
const PATIENCE: Duration = Duration::from_secs(15);

/// A run's dealings with limits.
#[derive(Debug)]
pub(crate) struct Rooms {
    lane: Lane,
    target: String,
    patience: Duration,
    /// Where it has had its place.
    placed: BTreeSet<String>,
    asked: Mutex<HashMap<String, Arc<Asked>>>,
    costs: Arc<Costs>,
}

#[derive(Debug, Default)]
struct Asked {
    /// Whoever asks first finds the place; what asks beside it waits for that.
    admitted: OnceCell<()>,
    requests: AtomicU32,
}

/// No room yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom {
    /// The limit at which its turn comes.
    pub(crate) place: String,
    pub(crate) wait: Duration,
}

impl Rooms {
    /// Of a run of `target` that has `time` for all it does.
    pub(crate) fn new(
        lane: Lane,
        target: &str,
        time: Duration,
        waiting: Option<&Waiting>,
        costs: Arc<Costs>,
    ) -> Self {
        let placed = waiting.map(|waiting| waiting.places.clone()).unwrap_or_default();
        let patience = PATIENCE.min(time / 2);
        Self { lane, target: target.to_owned(), patience, placed, asked: Mutex::default(), costs }
    }

    /// Room for one request. `usual` is how many such runs make, as long as nobody has seen any.
    pub(crate) async fn take(
        &self,
        ledger: &Ledger,
        limit: &Limit,
        usual: f64,
    ) -> Result<(), NoRoom> {
        let asked = Arc::clone(self.lock().entry(limit.key.clone()).or_default());
        let mut is_first = false;
        let admitted = asked.admitted.get_or_try_init(|| {
            is_first = true;
            let standing = if self.placed.contains(&limit.key) {
                Standing::Placed
            } else {
                Standing::New { requests: self.costs.usual(&self.target, limit, usual) }
            };
            self.wait(ledger, limit, standing)
        });
        admitted.await?;
        if !is_first {
            self.wait(ledger, limit, Standing::UnderWay).await?;
        }
        asked.requests.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Remembers how many requests such a run makes, now that it has come to its end.
    pub(crate) fn learn(&self) {
        for (key, asked) in &*self.lock() {
            self.costs.learn(&self.target, key, asked.requests.load(Ordering::Relaxed));
        }
    }

    async fn wait(
        &self,
        ledger: &Ledger,
        limit: &Limit,
        mut standing: Standing,
    ) -> Result<(), NoRoom> {
        let no_room = |wait| NoRoom { place: limit.key.clone(), wait };
        let mut left = self.patience;
        loop {
            let wait = match ledger.take(limit, self.lane, standing).await {
                Room::Granted => return Ok(()),
                Room::Place(wait) if wait > NEAR => return Err(no_room(wait)),
                Room::Place(wait) | Room::Soon(wait) => wait,
            };
            if wait > left {
                return Err(no_room(wait));
            }
            left -= wait;
            tokio::time::sleep(wait).await;
            if matches!(standing, Standing::New { .. }) {
                standing = Standing::Placed;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Asked>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
