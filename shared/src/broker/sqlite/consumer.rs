//! Consuming from the data file: one task per queue that takes what is due, as long as there is
//! room under the prefetch, and one that carries out settlements.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::census;
use super::embedded::Embedded;
use super::queue::Queue;
use super::row;
use crate::broker::delivery::{DeadQueue, Delivery};
use crate::broker::lane::Lane;
use crate::broker::queue::QueueKind;
use crate::broker::settlement::{Settlement, Verb};
use crate::link::Link;
use crate::retry::Reconnect;
use crate::store::Store;

/// Settlements carried out in one job.
const BATCH: usize = 1024;
/// Rows taken in one job.
const TAKE: usize = 256;
/// Without news the queue is looked at so often all the same.
const IDLE: Duration = Duration::from_secs(1);
/// How long the last settlements may take when the worker has not waited for its runs.
const FLUSH: Duration = Duration::from_secs(2);
/// How long closing may take altogether.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Takes deliveries of an embedded broker.
#[derive(Debug)]
pub(in crate::broker) struct Consumer {
    store: Arc<Store>,
    takes: &'static [QueueKind],
    cancel: CancellationToken,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// A consumer, and where it puts what it takes.
pub(in crate::broker) type Consuming<Source> =
    (Consumer, mpsc::UnboundedReceiver<Delivery<Source>>);

impl Consumer {
    /// One that takes events.
    pub(in crate::broker) fn events(
        broker: &Embedded,
        prefetch: u16,
        bulk_prefetch: u16,
    ) -> Consuming<Lane> {
        let queues =
            [(broker.work(), Lane::Work, prefetch), (broker.bulk(), Lane::Bulk, bulk_prefetch)];
        Self::start(broker.store(), &[QueueKind::Work, QueueKind::Bulk], queues)
    }

    /// One that takes dead letters.
    pub(in crate::broker) fn dead_letters(
        broker: &Embedded,
        prefetch: u16,
    ) -> Consuming<DeadQueue> {
        let queues = [(broker.dead(), DeadQueue::Dead, prefetch)];
        Self::start(broker.store(), &[QueueKind::Dead], queues)
    }

    fn start<Source: Copy + Send + Sync + 'static, const N: usize>(
        store: &Arc<Store>,
        takes: &'static [QueueKind],
        queues: [(&Arc<Queue>, Source, u16); N],
    ) -> Consuming<Source> {
        let (deliveries, receiver) = mpsc::unbounded_channel();
        let (cancel, stop) = (CancellationToken::new(), CancellationToken::new());
        let tasks = TaskTracker::new();
        for (queue, lane, prefetch) in queues {
            let lane = ConsumedQueue {
                store: Arc::clone(store),
                queue: Arc::clone(queue),
                lane,
                prefetch: usize::from(prefetch.max(1)),
                in_hand: Mutex::default(),
                room: Notify::new(),
            };
            tasks.spawn(Arc::new(lane).run(deliveries.clone(), cancel.clone(), stop.clone()));
        }
        tasks.close();
        let store = Arc::clone(store);
        (Self { store, takes, cancel, stop, tasks }, receiver)
    }

    pub(in crate::broker) fn link(&self) -> Link {
        self.store.link()
    }

    /// How many messages there are to take, those in hand too.
    pub(in crate::broker) async fn ready(&self) -> Result<u64, sqlx::Error> {
        let depths = census::depths(&self.store).await?;
        let taken = depths.iter().filter(|depth| self.takes.contains(&depth.kind));
        Ok(taken.filter_map(|depth| depth.messages).sum())
    }

    pub(in crate::broker) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits for every settlement made so far to be written; gives the rest back.
    pub(in crate::broker) async fn close(self) {
        self.cancel.cancel();
        self.stop.cancel();
        let _ = timeout(CLOSE_TIMEOUT, self.tasks.wait()).await;
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.stop.cancel();
    }
}

/// One queue as one consumer sees it.
struct ConsumedQueue<Source> {
    store: Arc<Store>,
    queue: Arc<Queue>,
    lane: Source,
    prefetch: usize,
    /// Delivered and not settled.
    in_hand: Mutex<HashSet<i64>>,
    room: Notify,
}

impl<Source: Copy + Send + Sync + 'static> ConsumedQueue<Source> {
    fn in_hand(&self) -> std::sync::MutexGuard<'_, HashSet<i64>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(
        self: Arc<Self>,
        deliveries: mpsc::UnboundedSender<Delivery<Source>>,
        cancel: CancellationToken,
        stop: CancellationToken,
    ) {
        let (verbs, settled) = mpsc::unbounded_channel();
        let mut settling = JoinSet::new();
        let lane = Arc::clone(&self);
        let closing = stop.clone();
        settling.spawn(async move { lane.settle(settled, &closing).await });
        self.deliver(&deliveries, &verbs, &cancel).await;
        // The worker holds the remaining senders.
        drop(verbs);
        tokio::select! {
            _ = settling.join_next() => {}
            () = async { stop.cancelled().await; sleep(FLUSH).await } => {}
        }
        settling.shutdown().await;
        let left: Vec<i64> = self.in_hand().drain().collect();
        self.queue.give_back(left);
    }

    /// Hands on what is due, until `cancel`.
    async fn deliver(
        &self,
        deliveries: &mpsc::UnboundedSender<Delivery<Source>>,
        verbs: &mpsc::UnboundedSender<Verb>,
        cancel: &CancellationToken,
    ) {
        let store = &self.store;
        let mut tries = Reconnect::default();
        while !cancel.is_cancelled() {
            let (room, changed) = (self.room.notified(), self.queue.changed());
            tokio::pin!(room, changed);
            // From here on no news is missed.
            room.as_mut().enable();
            changed.as_mut().enable();
            let wanted = self.prefetch.saturating_sub(self.in_hand().len()).min(TAKE);
            let news = if wanted == 0 {
                cancel.run_until_cancelled(room).await
            } else {
                match self.queue.take(store, wanted).await {
                    Err(error) => {
                        let waiting = store.worth_another(error, &mut tries);
                        cancel.run_until_cancelled(waiting).await
                    }
                    Ok(taken) => {
                        tries.reset();
                        let all = taken.messages.len() < wanted;
                        let pause = taken.next_due.unwrap_or(IDLE).min(IDLE);
                        for (id, message) in taken.messages {
                            self.in_hand().insert(id);
                            let settlement = Settlement::new(id.cast_unsigned(), verbs.clone());
                            // What waits here is not taken before its wait is over.
                            let (lane, rest) = (self.lane, Duration::ZERO);
                            let _ = deliveries.send(Delivery { message, lane, rest, settlement });
                        }
                        if !all {
                            continue;
                        }
                        let waiting = async {
                            let _ = timeout(pause, changed).await;
                        };
                        cancel.run_until_cancelled(waiting).await
                    }
                }
            };
            if news.is_none() {
                return;
            }
        }
    }

    /// Carries out settlements until every delivery is settled and gone.
    async fn settle(&self, mut verbs: mpsc::UnboundedReceiver<Verb>, closing: &CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        while verbs.recv_many(&mut batch, BATCH).await > 0 {
            let (mut done, mut returned) = (Vec::new(), Vec::new());
            for verb in batch.drain(..) {
                match verb {
                    Verb::Ack(tag) => done.push(tag.cast_signed()),
                    Verb::Requeue(tag) => returned.push(tag.cast_signed()),
                }
            }
            if !done.is_empty() {
                self.forget(&done, closing).await;
            }
            {
                let mut in_hand = self.in_hand();
                for id in done.iter().chain(&returned) {
                    in_hand.remove(id);
                }
            }
            self.queue.give_back(returned);
            self.room.notify_waiters();
        }
    }

    /// Deletes messages; a file that takes no writes is waited for.
    async fn forget(&self, ids: &[i64], closing: &CancellationToken) {
        let store = &self.store;
        let ids: Arc<[i64]> = ids.into();
        let mut tries = Reconnect::default();
        loop {
            let ids = Arc::clone(&ids);
            // Not there after a loss of power, it comes again and is found to be done.
            // Nor is there time where nothing is taken before.
            let is_full = self.in_hand().len() >= self.prefetch;
            let deleted = if is_full || closing.is_cancelled() {
                store.write_unsynced(move |turn| row::delete(turn, &ids)).await
            } else {
                store.write_in_company(move |turn| row::delete(turn, &ids)).await
            };
            let Err(error) = deleted else { return };
            store.worth_another(error, &mut tries).await;
        }
    }
}
