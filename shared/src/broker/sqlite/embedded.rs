//! The queues of one data file: what is published goes into them, all of a batch or nothing.

use std::sync::Arc;

use prometheus_client::metrics::gauge::Gauge;

use super::queue::Queue;
use super::row;
use crate::broker::lane::Lane;
#[cfg(feature = "testing")]
use crate::broker::malformed::MalformedMessage;
use crate::broker::publication::{Publication, PublishError};
use crate::broker::route::Route;
use crate::link::Link;
#[cfg(feature = "testing")]
use crate::message::Message;
use crate::store::{Lasting, NotWritten, Store};

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

impl Embedded {
    /// The queues in `store`. There must be one of these for each store: it knows what is in
    /// hand.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Arc<Self> {
        let [work, bulk, dead] = ["work", "bulk", "dead"].map(Queue::new);
        Arc::new(Self { store, work, bulk, dead })
    }

    pub(in crate::broker) fn link(&self) -> Link {
        self.store.link()
    }

    /// The data file.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The queue of live events.
    pub(super) fn work(&self) -> &Arc<Queue> {
        &self.work
    }

    /// The queue of replays and bulk retries.
    pub(super) fn bulk(&self) -> &Arc<Queue> {
        &self.bulk
    }

    /// The queue of dead letters.
    pub(super) fn dead(&self) -> &Arc<Queue> {
        &self.dead
    }

    /// Keeps `up` at whether the data file takes writes, until it is closed.
    pub(in crate::broker) fn follow(&self, up: Gauge) {
        let mut link = self.store.watch();
        tokio::spawn(async move {
            loop {
                up.set(i64::from(*link.borrow_and_update() == Link::Up));
                if link.changed().await.is_err() {
                    return;
                }
            }
        });
    }

    fn queue(&self, route: Route) -> &Queue {
        match route {
            Route::Ready(Lane::Work) | Route::Later { lane: Lane::Work, .. } => &self.work,
            Route::Ready(Lane::Bulk) | Route::Later { lane: Lane::Bulk, .. } => &self.bulk,
            Route::Dead => &self.dead,
        }
    }

    /// Publishes all of `batch` or nothing. Dropped before its turn has come, it publishes nothing.
    pub(in crate::broker) async fn publish(
        &self,
        batch: Vec<Publication>,
    ) -> Result<(), PublishError> {
        let bytes =
            batch.iter().map(|publication| BESIDE + publication.message.event.body().len()).sum();
        let is_carried_on = batch.iter().all(|publication| publication.route.is_carried_on());
        // Acked in the same file, and later: that is never there without this.
        let lasting = if is_carried_on { Lasting::Process } else { Lasting::Disk };
        let insert = self.store.write_if_awaited(bytes, lasting, move |turn| {
            let ids = row::insert(turn, &batch)?;
            Ok((batch, ids))
        });
        let (batch, ids) = insert.await.map_err(|error| match error {
            NotWritten::Down => PublishError::Unavailable,
            NotWritten::Refused => PublishError::Refused,
            NotWritten::Crowded => PublishError::Blocked,
        })?;
        let mut news: Vec<&Queue> = Vec::new();
        for (Publication { route, message }, id) in batch.into_iter().zip(ids) {
            let queue = self.queue(route);
            if matches!(route, Route::Ready(_)) {
                queue.fresh().keep(id, message);
            }
            if !news.iter().any(|known| std::ptr::eq(*known, queue)) {
                news.push(queue);
            }
        }
        for queue in news {
            queue.announce();
        }
        Ok(())
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
        self.store.write(move |turn| row::pop(turn, &queue)).await
    }
}
