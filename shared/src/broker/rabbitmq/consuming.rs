//! Consuming on one connection: one channel per queue, prefetch as the only bound, deliveries handed on
//! as they come. Decides nothing about them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::{StreamExt as _, poll};
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::connection;
use super::provision::PROVISION_TIMEOUT;
use super::reply::timed_out;
use super::taken::Taken;
use super::{properties, settlement};
use crate::broker::delivery::Delivery;
use crate::broker::settlement::{Settlement, Verb};
use crate::link::Link;
use crate::metrics::BrokerMetrics;

/// How long the last settlements may take when the worker has not waited for its runs.
const FLUSH: Duration = Duration::from_millis(500);
/// How many deliveries that are there already are handed on before anything else is looked at.
const ALONG: usize = 64;

/// What is worked with on one connection.
pub(super) struct Consuming<'a, Source> {
    pub(super) taken: &'a Taken<Source>,
    pub(super) deliveries: &'a mpsc::UnboundedSender<Delivery<Source>>,
    pub(super) waiting: &'a AtomicU64,
    pub(super) cancel: &'a CancellationToken,
    pub(super) stop: &'a CancellationToken,
}

impl<Source: Copy + Send + Sync + 'static> Consuming<'_, Source> {
    /// Consumes until anything fails, or `stop`.
    pub(super) async fn run(
        &self,
        connection: &Connection,
        link: &watch::Sender<Link>,
        metrics: &BrokerMetrics,
    ) -> Result<(), lapin::Error> {
        if self.cancel.is_cancelled() {
            // Lost while draining: nothing is asked for any more.
            return Ok(());
        }
        let opening = self.stop.run_until_cancelled(self.open(connection));
        let opened = match timeout(PROVISION_TIMEOUT, opening).await {
            Ok(Some(opened)) => opened?,
            Ok(None) => return Ok(()),
            Err(_) => return Err(timed_out()),
        };
        // Only now that all are open: until then `stop` ends this at once, and nobody may hold
        // a delivery that is still to be settled.
        let mut tasks = JoinSet::new();
        for (queue, consumer) in opened {
            tasks.spawn(queue.run(consumer));
        }
        metrics.consumer_up.set(1);
        link.send_replace(Link::Up);
        let all = async {
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap_or_else(|panic| Err(std::io::Error::other(panic).into()))?;
            }
            Ok(())
        };
        tokio::select! {
            error = connection::failure(connection) => Err(error),
            ended = all => ended,
        }
    }

    /// Sees that everything is there and begins to consume each queue.
    async fn open(
        &self,
        connection: &Connection,
    ) -> Result<Vec<(Queue<Source>, lapin::Consumer)>, lapin::Error> {
        let ready = self.taken.provide(connection).await?;
        self.waiting.store(ready, Ordering::Release);
        let mut opened = Vec::new();
        for (queue, lane, prefetch) in self.taken.queues() {
            let consuming = Queue {
                channel: connection.create_channel().await?,
                lane: *lane,
                prefetch: *prefetch,
                deliveries: self.deliveries.clone(),
                cancel: self.cancel.clone(),
                stop: self.stop.clone(),
            };
            consuming.channel.basic_qos(*prefetch, BasicQosOptions::default()).await?;
            let consumer = consuming
                .channel
                .basic_consume(
                    queue.as_str().into(),
                    "".into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await?;
            opened.push((consuming, consumer));
        }
        Ok(opened)
    }
}

/// One queue being consumed.
struct Queue<Source> {
    channel: Channel,
    lane: Source,
    prefetch: u16,
    deliveries: mpsc::UnboundedSender<Delivery<Source>>,
    cancel: CancellationToken,
    stop: CancellationToken,
}

impl<Source: Copy + Send + Sync + 'static> Queue<Source> {
    /// Ends well only after `stop`.
    async fn run(self, consumer: lapin::Consumer) -> Result<(), lapin::Error> {
        let (verbs, settled) = mpsc::unbounded_channel();
        // Ends with this: what its deliveries say from then on is known to be lost.
        let mut telling = AbortOnDropHandle::new(tokio::spawn(settlement::tell_broker(
            self.channel.clone(),
            settled,
            settlement::enough(self.prefetch),
        )));
        let tag = consumer.tag();
        let mut consumer = consumer;
        let mut cancelled = std::pin::pin!(self.cancel.cancelled());
        loop {
            tokio::select! {
                biased;
                () = &mut cancelled => break,
                delivery = consumer.next() => {
                    self.hand_on(delivery, &verbs)?;
                    for _ in 0..ALONG {
                        let Poll::Ready(delivery) = poll!(consumer.next()) else { break };
                        self.hand_on(delivery, &verbs)?;
                    }
                }
                ended = &mut telling => {
                    return ended.unwrap_or_else(|panic| Err(std::io::Error::other(panic).into()));
                }
            }
        }
        self.channel.basic_cancel(tag, BasicCancelOptions::default()).await?;
        // From here on only settle. The worker holds the remaining senders; when it is done
        // with all deliveries (or `stop` says not to wait) this ends.
        drop(verbs);
        tokio::select! {
            ended = &mut telling => ended.unwrap_or_else(|panic| Err(std::io::Error::other(panic).into())),
            () = async { self.stop.cancelled().await; tokio::time::sleep(FLUSH).await } => Ok(()),
        }?;
        drop(telling);
        // By name, and waited for: the broker has then seen every ack, and what it sent but
        // nobody took goes back. Left to its drop, the close meets the connection's own; lapin
        // then takes the socket down with the last acks still in it, and done work comes again.
        self.channel.close(200, "settled".into()).await?;
        self.stop.cancelled().await;
        Ok(())
    }

    fn hand_on(
        &self,
        delivery: Option<Result<lapin::message::Delivery, lapin::Error>>,
        verbs: &mpsc::UnboundedSender<Verb>,
    ) -> Result<(), lapin::Error> {
        let gone = || std::io::Error::other("the broker cancelled the consumer");
        let delivery = delivery.ok_or_else(gone)??;
        let settlement = Settlement::new(delivery.delivery_tag, verbs.clone());
        let (lane, rest) = (self.lane, properties::rest(&delivery.properties));
        let message = properties::decode(&delivery.properties, delivery.data.into());
        let _ = self.deliveries.send(Delivery { message, lane, rest, settlement });
        Ok(())
    }
}
