//! Deliveries taken from the broker, each of them a run. What a run does is the executor's.

use std::sync::Arc;

use shared::broker::{Delivery, Lane};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::knowing::Knowing;
use crate::ages::InHand;
use crate::executor::Executor;

/// Deliveries taken at once.
const BATCH: usize = 64;

/// Starts a run for each delivery, at most `concurrency` at once. With the ledger away every
/// run waits for it, and so nothing more is taken. Gives how many deliveries were not started.
///
/// Each run is a task of its own, also where many are taken at once: a handler that computes for long, or
/// never gives its thread back, has no other one waiting behind it. What runs ask of the ledger and tell the
/// broker is gathered there.
pub(super) async fn take(
    mut deliveries: mpsc::UnboundedReceiver<Delivery>,
    knowing: Knowing,
    executor: Arc<Executor>,
    concurrency: usize,
    runs: TaskTracker,
    stop: CancellationToken,
) -> u64 {
    let permits = Arc::new(Semaphore::new(concurrency));
    let mut taken = Vec::with_capacity(BATCH);
    let mut not_started = 0;
    stop.run_until_cancelled(knowing.wait()).await;
    'taking: while stop.run_until_cancelled(deliveries.recv_many(&mut taken, BATCH)).await > Some(0)
    {
        let mut taken = taken.drain(..);
        while let Some(delivery) = taken.next() {
            let in_hand = in_hand(&executor, &delivery);
            let permit = stop.run_until_cancelled(Arc::clone(&permits).acquire_owned()).await;
            let Some(Ok(permit)) = permit else {
                not_started += given_back(std::iter::once(delivery).chain(taken));
                break 'taking;
            };
            if delivery.settlement.is_lost() {
                // Its copy is on its way: run now, this one would only stand in the other's.
                continue;
            }
            let executor = Arc::clone(&executor);
            // Boxed: the future is large, and a spawn moves it more than once.
            runs.spawn(Box::pin(async move {
                executor.process(delivery).await;
                drop((in_hand, permit));
            }));
        }
    }
    deliveries.close();
    not_started + given_back(std::iter::from_fn(|| deliveries.try_recv().ok()))
}

/// Sends deliveries back by dropping them, and tells how many were still there to be sent back.
fn given_back(deliveries: impl Iterator<Item = Delivery>) -> u64 {
    deliveries.map(|delivery| u64::from(!delivery.settlement.is_lost())).sum()
}

/// Counts a live event as in hand; replays may be of any age, and what is not to be worked on yet
/// is delayed.
fn in_hand(executor: &Executor, delivery: &Delivery) -> Option<InHand> {
    let counts = delivery.lane == Lane::Work && delivery.rest.is_zero();
    let message = delivery.message.as_ref().ok().filter(|_| counts);
    message.map(|message| executor.ages.take(message.received_ms))
}
