//! One queue of a data file as this process knows it: what has been taken, and what was given back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::fresh::Fresh;
use super::row::{self, Due};
use crate::store::{NotWritten, Store};

/// What this process knows of one queue.
#[derive(Debug)]
pub(super) struct Queue {
    name: &'static str,
    /// Due time and id of the last message taken. All that comes later sorts behind it: due
    /// times are given inside transactions, by a clock that never runs backwards.
    after: tokio::sync::Mutex<(i64, i64)>,
    /// Taken and given back.
    returned: Mutex<VecDeque<i64>>,
    /// Published a moment ago.
    fresh: Arc<Fresh>,
    /// Something may be there to be taken.
    changed: Notify,
}

impl Queue {
    pub(super) fn new(name: &'static str) -> Arc<Self> {
        let (after, returned) = (tokio::sync::Mutex::default(), Mutex::default());
        Arc::new(Self { name, after, returned, fresh: Arc::default(), changed: Notify::new() })
    }

    fn returned(&self) -> MutexGuard<'_, VecDeque<i64>> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn give_back(&self, ids: impl IntoIterator<Item = i64>) {
        self.returned().extend(ids);
        self.announce();
    }

    /// What was published a moment ago and is due.
    pub(super) fn fresh(&self) -> &Fresh {
        &self.fresh
    }

    /// Something may be there to be taken.
    pub(super) fn announce(&self) {
        self.changed.notify_waiters();
    }

    /// Resolves when something may be there to be taken.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Up to `wanted` messages that nobody has in hand. Not to be dropped half-way: they would
    /// be in nobody's hand until the next start.
    pub(super) async fn take(&self, store: &Store, wanted: usize) -> Result<Due, NotWritten> {
        // Held until the answer: two consumers must not take the same.
        let mut after = self.after.lock().await;
        let returned: Vec<i64> = {
            let mut returned = self.returned();
            let count = wanted.min(returned.len());
            returned.drain(..count).collect()
        };
        let (name, start, again) = (self.name, *after, returned.clone());
        let fresh = Arc::clone(&self.fresh);
        // Between writes: a message that is committed later must sort behind these.
        let select = store.look(move |turn| row::take(turn, name, start, again, wanted, &fresh));
        match select.await {
            Ok((taken, last)) => {
                *after = last;
                Ok(taken)
            }
            Err(error) => {
                self.returned().extend(returned);
                Err(error)
            }
        }
    }
}
