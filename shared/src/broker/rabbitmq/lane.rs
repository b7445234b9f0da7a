//! One publishing channel and the one task that owns it.
//!
//! Only the owner publishes on the channel: with two publishers delivery tags and the order on
//! the wire can differ, and a confirm then answers for the wrong message. Within the owner
//! everything is pipelined.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::properties;
use super::publisher::{Session, timed_out};
use super::topology::Topology;
use crate::broker::{Publication, PublishError};

/// Messages in flight on one channel before its owner takes no more.
const WINDOW: usize = 512;
/// Opening a channel is two round trips.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A batch to publish, by when, and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) batch: Vec<Publication>,
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Result<(), PublishError>>,
}

/// A channel in confirm mode.
async fn open(
    connection: &Connection,
    jobs: &mpsc::Receiver<Job>,
) -> Result<Channel, lapin::Error> {
    let opening = async {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    };
    let mut opening = std::pin::pin!(opening);
    loop {
        match timeout(OPEN_TIMEOUT, &mut opening).await {
            Ok(opened) => return opened,
            // An alarm on the broker: nothing is written until it is over, and another
            // connection would fare no better.
            Err(_) if connection.status().blocked() && !jobs.is_closed() => {}
            Err(_) => return Err(timed_out()),
        }
    }
}

/// Serves jobs on one connection after the other, until nobody is left to ask.
pub(super) async fn run(
    mut session: watch::Receiver<Option<Arc<Session>>>,
    topology: Arc<Topology>,
    mut jobs: mpsc::Receiver<Job>,
) {
    let mut current = None;
    loop {
        current = next_session(&mut session, current.as_ref(), &mut jobs).await;
        let Some(current) = &current else { return };
        tokio::select! {
            biased;
            // Dropped with all that is in flight: there is no answer to come.
            _ = session.changed() => {}
            ended = AssertUnwindSafe(serve(current, &topology, &mut jobs)).catch_unwind() => {
                match ended {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => current.fail(error),
                    // Started again like after any failure: nobody else serves these jobs.
                    Err(_) => current.fail(std::io::Error::other("a lane panicked").into()),
                }
            }
        }
    }
}

/// Waits for another connection than `last`, with nothing to offer to jobs meanwhile. `None`
/// once there are no more jobs.
async fn next_session(
    session: &mut watch::Receiver<Option<Arc<Session>>>,
    last: Option<&Arc<Session>>,
    jobs: &mut mpsc::Receiver<Job>,
) -> Option<Arc<Session>> {
    loop {
        let current = session.borrow_and_update().clone();
        if let Some(current) = current
            && !last.is_some_and(|last| Arc::ptr_eq(last, &current))
        {
            return Some(current);
        }
        let job = tokio::select! {
            biased;
            Ok(()) = session.changed() => continue,
            job = jobs.recv() => job?,
        };
        let _ = job.reply.send(Err(PublishError::Unavailable));
    }
}

type InFlight = FuturesUnordered<BoxFuture<'static, (usize, Result<(), PublishError>)>>;

/// Serves jobs until the queue closes (`Ok`) or the connection is of no more use. A confirm
/// that did not come leaks in lapin until its channel is gone, so a late one retires the
/// channel: what else is in flight there still has until its own deadline.
async fn serve(
    session: &Session,
    topology: &Arc<Topology>,
    jobs: &mut mpsc::Receiver<Job>,
) -> Result<(), lapin::Error> {
    let mut channel = open(&session.connection, jobs).await?;
    let mut in_flight = InFlight::new();
    let mut messages = 0;
    loop {
        tokio::select! {
            Some((count, result)) = in_flight.next() => {
                messages -= count;
                match result {
                    Ok(()) | Err(PublishError::Refused) => {}
                    Err(PublishError::TimedOut) => {
                        // At once, so that confirms are passed on while the new channel opens.
                        tokio::spawn(retire(channel, std::mem::take(&mut in_flight)));
                        messages = 0;
                        channel = open(&session.connection, jobs).await?;
                    }
                    Err(_) => return Err(std::io::Error::other("a publish failed").into()),
                }
            }
            job = jobs.recv(), if messages < WINDOW => match job {
                None => {
                    retire(channel, in_flight).await;
                    return Ok(());
                }
                // Nobody waits any more: what was not sent need not be.
                Some(job) if job.reply.is_closed() || job.deadline <= Instant::now() => {
                    let _ = job.reply.send(Err(PublishError::TimedOut));
                }
                Some(job) => {
                    messages += job.batch.len();
                    in_flight.push(Box::pin(publish(channel.clone(), Arc::clone(topology), job)));
                }
            },
        }
    }
}

/// Waits for what is in flight on a channel that gets no more work, then closes it.
async fn retire(channel: Channel, mut in_flight: InFlight) {
    while in_flight.next().await.is_some() {}
    close(&channel, "retired").await;
}

/// Closes a channel by name, but does not wait for a broker that hangs.
pub(super) async fn close(channel: &Channel, why: &str) {
    let _ = timeout(CLOSE_TIMEOUT, channel.close(200, why.into())).await;
}

/// Sends all of a batch before it awaits any confirm: six times faster than one by one.
async fn publish(
    channel: Channel,
    topology: Arc<Topology>,
    job: Job,
) -> (usize, Result<(), PublishError>) {
    let Job { batch, deadline, reply } = job;
    // To the last confirm also after a refusal: one that is dropped leaks in lapin.
    let sending = join_all(batch.iter().map(|publication| send(&channel, &topology, publication)));
    let result = match timeout_at(deadline, sending).await {
        Ok(results) => results.into_iter().collect(),
        Err(_) => Err(PublishError::TimedOut),
    };
    let _ = reply.send(result);
    (batch.len(), result)
}

/// One message to its confirm. Its first poll takes the delivery tag and hands the frames over
/// without a pause in between, so tags and wire agree within the owner task.
async fn send(
    channel: &Channel,
    topology: &Topology,
    publication: &Publication,
) -> Result<(), PublishError> {
    let Publication { route, message } = publication;
    let (exchange, key) = topology.address(*route, &message.event.origin);
    let properties = properties::encode(message, topology.hop(*route).as_ref());
    let body = message.event.body();
    let confirm = channel
        .basic_publish(exchange, key, BasicPublishOptions::default(), body, properties)
        .await
        .map_err(|_| PublishError::Lost)?;
    match confirm.await {
        Ok(Confirmation::Ack(_)) => Ok(()),
        Ok(Confirmation::Nack(_)) => Err(PublishError::Refused),
        Ok(Confirmation::NotRequested) | Err(_) => Err(PublishError::Lost),
    }
}
