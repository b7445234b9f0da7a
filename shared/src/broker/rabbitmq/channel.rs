//! One publishing channel and the one task that owns it.
//!
//! Only the owner publishes on the channel: with two publishers delivery tags and the order on
//! the wire can differ, and a confirm then answers for the wrong message. Within the owner
//! everything is pipelined.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::{BoxFuture, MaybeDone, maybe_done};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::goodbye::close_channel;
use super::outlet::Outlet;
use super::properties;
use super::reply::timed_out;
use super::socket::Socket;
use super::topology::Topology;
use crate::broker::publication::{Publication, PublishError};

/// Messages in flight on one channel before its owner takes no more.
const WINDOW: usize = 512;
/// From so many on the messages of a batch are gathered into large packets.
const MANY: usize = 8;
/// Opening a channel is two round trips.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);

/// A batch to publish, by when, and who waits for it.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) batch: Vec<Publication>,
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Result<(), PublishError>>,
}

/// A channel in confirm mode.
async fn open(
    connection: &Connection,
    parcels: &mpsc::Receiver<Parcel>,
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
            Err(_) if connection.status().blocked() && !parcels.is_closed() => {}
            Err(_) => return Err(timed_out()),
        }
    }
}

/// Serves parcels on one connection after the other, until nobody is left to ask.
pub(super) async fn run(
    mut outlet: watch::Receiver<Option<Arc<Outlet>>>,
    topology: Arc<Topology>,
    mut parcels: mpsc::Receiver<Parcel>,
) {
    let mut current = None;
    loop {
        current = next_outlet(&mut outlet, current.as_ref(), &mut parcels).await;
        let Some(current) = &current else { return };
        tokio::select! {
            biased;
            // Dropped with all that is in flight: there is no answer to come.
            _ = outlet.changed() => {}
            ended = AssertUnwindSafe(serve(current, &topology, &mut parcels)).catch_unwind() => {
                match ended {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => current.fail(error),
                    // Started again like after any failure: nobody else serves these parcels.
                    Err(_) => current.fail(std::io::Error::other("a publishing channel panicked").into()),
                }
            }
        }
    }
}

/// Waits for another connection than `last`, with nothing to offer to parcels meanwhile. `None`
/// once there are no more parcels.
async fn next_outlet(
    outlet: &mut watch::Receiver<Option<Arc<Outlet>>>,
    last: Option<&Arc<Outlet>>,
    parcels: &mut mpsc::Receiver<Parcel>,
) -> Option<Arc<Outlet>> {
    loop {
        let current = outlet.borrow_and_update().clone();
        if let Some(current) = current
            && !last.is_some_and(|last| Arc::ptr_eq(last, &current))
        {
            return Some(current);
        }
        let parcel = tokio::select! {
            biased;
            Ok(()) = outlet.changed() => continue,
            parcel = parcels.recv() => parcel?,
        };
        let _ = parcel.reply.send(Err(PublishError::Unavailable));
    }
}

type InFlight = FuturesUnordered<BoxFuture<'static, (usize, Result<(), PublishError>)>>;

/// Serves parcels until the queue closes (`Ok`) or the connection is of no more use. A confirm
/// that did not come leaks in lapin until its channel is gone, so a late one retires the
/// channel: what else is in flight there still has until its own deadline.
async fn serve(
    outlet: &Outlet,
    topology: &Arc<Topology>,
    parcels: &mut mpsc::Receiver<Parcel>,
) -> Result<(), lapin::Error> {
    let mut channel = open(&outlet.connection, parcels).await?;
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
                        channel = open(&outlet.connection, parcels).await?;
                    }
                    Err(_) => return Err(std::io::Error::other("a publish failed").into()),
                }
            }
            parcel = parcels.recv(), if messages < WINDOW => match parcel {
                None => {
                    retire(channel, in_flight).await;
                    return Ok(());
                }
                // Nobody waits any more: what was not sent need not be.
                Some(parcel) if parcel.reply.is_closed() || parcel.deadline <= Instant::now() => {
                    let _ = parcel.reply.send(Err(PublishError::TimedOut));
                }
                Some(parcel) => {
                    messages += parcel.batch.len();
                    let (channel, socket) = (channel.clone(), outlet.socket.clone());
                    in_flight.push(Box::pin(publish(channel, socket, Arc::clone(topology), parcel)));
                }
            },
        }
    }
}

/// Waits for what is in flight on a channel that gets no more work, then closes it.
async fn retire(channel: Channel, mut in_flight: InFlight) {
    while in_flight.next().await.is_some() {}
    close_channel(&channel, "retired").await;
}

/// Sends all of a batch before it awaits any confirm: six times faster than one by one.
async fn publish(
    channel: Channel,
    socket: Weak<Socket>,
    topology: Arc<Topology>,
    parcel: Parcel,
) -> (usize, Result<(), PublishError>) {
    let Parcel { batch, deadline, reply } = parcel;
    // Everything is encoded before anything is handed over: lapin's thread wakes at the first message, and
    // writes what has come by then.
    let message = |one| maybe_done(Box::pin(send(&channel, &topology, one)));
    let mut messages: Vec<_> = batch.iter().map(message).collect();
    let sending = async {
        {
            let many = if batch.len() < MANY { None } else { socket.upgrade() };
            let _gathering = many.map(Socket::gather);
            begin(&mut messages);
        }
        end(&mut messages).await
    };
    let result = match timeout_at(deadline, sending).await {
        Ok(result) => result,
        Err(_) => Err(PublishError::TimedOut),
    };
    let _ = reply.send(result);
    (batch.len(), result)
}

/// Hands over all of `messages` in their order. Nobody is woken for any of them: what becomes of it is looked
/// at in [`end`].
fn begin<M: Future + Unpin>(messages: &mut [MaybeDone<M>]) {
    for message in messages {
        let _ = Pin::new(message).poll(&mut Context::from_waker(Waker::noop()));
    }
}

/// Waits for all of `messages`; of failures the first one's. To the last also after a refusal: a confirm
/// that is dropped leaks in lapin.
async fn end<M>(messages: &mut [MaybeDone<M>]) -> Result<(), PublishError>
where
    M: Future<Output = Result<(), PublishError>> + Unpin,
{
    let mut result = Ok(());
    // From the last on, which is written and as a rule confirmed after the others: they are ready then.
    for message in messages.iter_mut().rev() {
        (&mut *message).await;
        if let Some(Err(error)) = Pin::new(message).take_output() {
            result = Err(error);
        }
    }
    result
}

/// One message to its confirm, encoded at once. Its first poll takes the delivery tag and hands the frames
/// over without a pause in between, so tags and wire agree within the owner task.
fn send(
    channel: &Channel,
    topology: &Topology,
    publication: &Publication,
) -> impl Future<Output = Result<(), PublishError>> {
    let Publication { route, message } = publication;
    let (exchange, key) = topology.address(*route, &message.event.origin);
    let properties = properties::encode(message, topology.hop(*route).as_ref());
    let (options, body) = (BasicPublishOptions::default(), message.event.body());
    let publishing = channel.basic_publish(exchange, key, options, body, properties);
    async move {
        let confirm = publishing.await.map_err(|_| PublishError::Lost)?;
        match confirm.await {
            Ok(Confirmation::Ack(_)) => Ok(()),
            Ok(Confirmation::Nack(_)) => Err(PublishError::Refused),
            Ok(Confirmation::NotRequested) | Err(_) => Err(PublishError::Lost),
        }
    }
}

#[cfg(test)]
mod tests;
