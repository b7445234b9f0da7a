//! The broker of an embedded Hubline: queues as rows of the data file.
//!
//! A message is durable once its transaction is. What a consumer has in hand is known to this
//! process alone, so that a delivery costs no write and everything unsettled is ready again
//! after a crash.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::{Lane, Link, MalformedMessage, Publication, PublishError, Route};
use crate::message::Message;
use crate::store::{NotWritten, Store};

pub(super) mod backlog;
pub(super) mod consumer;
pub(super) mod depths;
pub(super) mod export;
mod row;

/// What a message takes up in memory beside its body, roughly, in bytes.
const BESIDE: usize = 512;

/// The queues of one data file.
#[derive(Debug)]
pub struct Embedded {
    store: Arc<Store>,
    work: Arc<Queue>,
    bulk: Arc<Queue>,
    dead: Arc<Queue>,
}

/// What this process knows of one queue.
#[derive(Debug)]
struct Queue {
    name: &'static str,
    /// Due time and id of the last message taken. All that comes later sorts behind it: due
    /// times are given inside transactions, by a clock that never runs backwards.
    after: tokio::sync::Mutex<(i64, i64)>,
    /// Taken and given back.
    returned: Mutex<VecDeque<i64>>,
    /// Something may be there to be taken.
    changed: Notify,
}

/// What there was to take.
struct Taken {
    messages: Vec<(i64, Result<Message, MalformedMessage>)>,
    /// How long nothing else will be due, if anything waits at all.
    next_due: Option<Duration>,
}

impl Queue {
    fn new(name: &'static str) -> Arc<Self> {
        let (after, returned) = (tokio::sync::Mutex::default(), Mutex::default());
        Arc::new(Self { name, after, returned, changed: Notify::new() })
    }

    fn returned(&self) -> MutexGuard<'_, VecDeque<i64>> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, ids: impl IntoIterator<Item = i64>) {
        self.returned().extend(ids);
        self.changed.notify_waiters();
    }

    /// Up to `wanted` messages that nobody has in hand. Not to be dropped half-way: they would
    /// be in nobody's hand until the next start.
    async fn take(&self, store: &Store, wanted: usize) -> Result<Taken, NotWritten> {
        // Held until the answer: two consumers must not take the same.
        let mut after = self.after.lock().await;
        let returned: Vec<i64> = {
            let mut returned = self.returned();
            let count = wanted.min(returned.len());
            returned.drain(..count).collect()
        };
        let (name, start, again) = (self.name, *after, returned.clone());
        // Between writes: a message that is committed later must sort behind these.
        let select = store.look(move |turn| {
            Box::pin(async move { row::take(turn, name, start, &again, wanted).await })
        });
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

impl Embedded {
    /// The queues in `store`. There must be one of these for each store: it knows what is in
    /// hand.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Arc<Self> {
        let [work, bulk, dead] = ["work", "bulk", "dead"].map(Queue::new);
        Arc::new(Self { store, work, bulk, dead })
    }

    pub(super) fn link(&self) -> Link {
        self.store.link()
    }

    /// The data file.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    fn queue(&self, route: Route) -> &Queue {
        match route {
            Route::Ready(Lane::Work) | Route::Later { lane: Lane::Work, .. } => &self.work,
            Route::Ready(Lane::Bulk) | Route::Later { lane: Lane::Bulk, .. } => &self.bulk,
            Route::Dead => &self.dead,
        }
    }

    /// Publishes all of `batch` or nothing. Dropped before its turn has come, it publishes nothing.
    pub(super) async fn publish(&self, batch: Vec<Publication>) -> Result<(), PublishError> {
        let routes: Vec<Route> = batch.iter().map(|publication| publication.route).collect();
        let bytes =
            batch.iter().map(|publication| BESIDE + publication.message.event.body().len()).sum();
        let insert = self.store.write_if_awaited(bytes, |turn| {
            Box::pin(async move { row::insert(turn, &batch).await })
        });
        insert.await.map_err(|error| match error {
            NotWritten::Down => PublishError::Unavailable,
            NotWritten::Refused => PublishError::Refused,
            NotWritten::Crowded => PublishError::Blocked,
        })?;
        for queue in [&self.work, &self.bulk, &self.dead] {
            if routes.iter().any(|route| std::ptr::eq(self.queue(*route), Arc::as_ptr(queue))) {
                queue.changed.notify_waiters();
            }
        }
        Ok(())
    }

    /// Messages ready in the queue of a lane, those in hand too.
    pub(super) async fn depth(&self, lane: Lane) -> Option<u64> {
        let backlog = self.backlog().await.ok()?;
        Some(match lane {
            Lane::Work => backlog.work,
            Lane::Bulk => backlog.bulk,
        })
    }
}

/// What tests look at.
#[cfg(feature = "testing")]
impl Embedded {
    /// Takes the first message out of `queue`.
    pub async fn pop(
        &self,
        queue: &str,
    ) -> Result<Option<Result<Message, MalformedMessage>>, NotWritten> {
        let queue = queue.to_owned();
        self.store.write(|turn| Box::pin(row::pop(turn, queue))).await
    }
}
