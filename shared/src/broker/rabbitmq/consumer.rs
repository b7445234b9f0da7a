//! Consuming: one channel per queue, prefetch as the only bound, deliveries handed on as they
//! come. Decides nothing about them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::StreamExt as _;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::connection;
use super::dial::Address;
use super::publisher::{DECLARE_TIMEOUT, timed_out};
use super::pulse::CONSUMERS_PATIENCE;
use super::reply::is_not_found;
use super::topology::Topology;
use super::{properties, settlement};
use crate::broker::{ConsumerOptions, DeadQueue, Delivery, Lane, Link, Settlement};
use crate::metrics::BrokerMetrics;
use crate::settings::BrokerSettings;

/// What a consumer takes from, each queue with its prefetch.
pub(in crate::broker) struct Taken<Source> {
    topology: Topology,
    queues: Vec<(String, Source, u16)>,
    /// Whoever takes dead letters need not know how many work queues there are.
    only_dead_letters: bool,
}

impl Taken<Lane> {
    /// Every work queue and the bulk queue.
    pub(in crate::broker) fn events(topology: Topology, options: &ConsumerOptions) -> Self {
        let work = topology.work_queues().map(|queue| (queue, Lane::Work, options.prefetch));
        let bulk = (topology.bulk_queue(), Lane::Bulk, options.bulk_prefetch);
        let queues = work.chain([bulk]).collect();
        Self { topology, queues, only_dead_letters: false }
    }
}

impl Taken<DeadQueue> {
    /// The dead letters, and what could not be routed.
    pub(in crate::broker) fn dead_letters(topology: Topology, prefetch: u16) -> Self {
        let queues = vec![
            (topology.dead_queue(), DeadQueue::Dead, prefetch),
            (topology.unrouted_queue(), DeadQueue::Unrouted, prefetch),
        ];
        Self { topology, queues, only_dead_letters: true }
    }
}

impl<Source> Taken<Source> {
    /// Sees that all that is needed is there; gives how many dead letters are ready. Declares it the first
    /// time, which is where arguments that differ are found. Later only what is missing: while one of
    /// its nodes is silent a cluster answers whoever looks, and may let whoever declares wait for a minute.
    async fn provide(
        &self,
        connection: &Connection,
        is_declared: &AtomicBool,
    ) -> Result<u64, lapin::Error> {
        if is_declared.load(Ordering::Relaxed) {
            let looking = connection.create_channel().await?;
            match self.look(&looking).await {
                Ok(ready) => {
                    looking.close(200, "looked".into()).await?;
                    return Ok(ready);
                }
                Err(error) if is_not_found(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let declaring = connection.create_channel().await?;
        let ready = self.declare(&declaring).await?;
        declaring.close(200, "declared".into()).await?;
        is_declared.store(true, Ordering::Relaxed);
        Ok(ready)
    }

    async fn look(&self, channel: &Channel) -> Result<u64, lapin::Error> {
        if self.only_dead_letters {
            return self.topology.look_at_dead_letters(channel).await;
        }
        self.topology.look(channel).await?;
        Ok(0)
    }

    async fn declare(&self, channel: &Channel) -> Result<u64, lapin::Error> {
        if self.only_dead_letters {
            return self.topology.declare_dead_letters(channel).await;
        }
        self.topology.declare(channel).await?;
        Ok(0)
    }
}

/// Takes deliveries over a supervised connection of its own: a blocked publishing connection
/// would write no acks.
#[derive(Debug)]
pub(in crate::broker) struct Consumer {
    link: watch::Receiver<Link>,
    /// Dead letters that were ready when the queues were last opened.
    waiting: Arc<AtomicU64>,
    cancel: CancellationToken,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Consumer {
    /// Starts consuming in the background. Deliveries of a lost connection may still be in the
    /// receiver: settling them does nothing, and they come again. Must be called on a
    /// multi-thread runtime.
    pub(in crate::broker) fn start<Source: Copy + Send + Sync + 'static>(
        settings: &BrokerSettings,
        name: String,
        taken: Taken<Source>,
        metrics: BrokerMetrics,
    ) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<Delivery<Source>>)> {
        let address = Address::new(settings, name)?;
        // Unbounded here, bounded by the prefetch: the broker sends no more than that.
        let (deliveries, receiver) = mpsc::unbounded_channel();
        let (link_tx, link) = watch::channel(Link::default());
        let (cancel, stop) = (CancellationToken::new(), CancellationToken::new());
        let (cancelled, stopped, measured) = (cancel.clone(), stop.clone(), metrics.clone());
        let waiting = Arc::<AtomicU64>::default();
        let (counted, is_declared) = (Arc::clone(&waiting), AtomicBool::new(false));
        let task = tokio::spawn(connection::supervise(
            address,
            metrics,
            link_tx,
            stop.clone(),
            CONSUMERS_PATIENCE,
            async move |connection, link| {
                let session = Session {
                    taken: &taken,
                    deliveries: &deliveries,
                    waiting: &counted,
                    is_declared: &is_declared,
                    cancel: &cancelled,
                    stop: &stopped,
                };
                let ended = session.run(connection, link, &measured).await;
                measured.consumer_up.set(0);
                ended
            },
        ));
        Ok((Self { link, waiting, cancel, stop, task }, receiver))
    }

    /// Waits until deliveries can come in; tells how many dead letters were ready then.
    pub(in crate::broker) async fn ready(&self) -> u64 {
        let mut link = self.link.clone();
        if link.wait_for(|link| *link == Link::Up).await.is_err() {
            std::future::pending::<()>().await;
        }
        self.waiting.load(Ordering::Acquire)
    }

    /// Whether deliveries can come in now.
    pub(in crate::broker) fn link(&self) -> Link {
        self.link.borrow().clone()
    }

    /// Asks the broker for no more deliveries; what was delivered can still be settled.
    pub(in crate::broker) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Closes the connection after telling every settlement made so far. What is not settled
    /// goes back to its queue. Waits some seconds for a broker that does not answer, and no
    /// longer.
    pub(in crate::broker) async fn close(mut self) {
        self.cancel.cancel();
        self.stop.cancel();
        if timeout(CLOSE_TIMEOUT, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.stop.cancel();
    }
}

struct Session<'a, Source> {
    taken: &'a Taken<Source>,
    deliveries: &'a mpsc::UnboundedSender<Delivery<Source>>,
    waiting: &'a AtomicU64,
    is_declared: &'a AtomicBool,
    cancel: &'a CancellationToken,
    stop: &'a CancellationToken,
}

impl<Source: Copy + Send + Sync + 'static> Session<'_, Source> {
    async fn run(
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
        let opened = match timeout(DECLARE_TIMEOUT, opening).await {
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

    /// Declares everything and begins to consume each queue.
    async fn open(
        &self,
        connection: &Connection,
    ) -> Result<Vec<(Queue<Source>, lapin::Consumer)>, lapin::Error> {
        let ready = self.taken.provide(connection, self.is_declared).await?;
        self.waiting.store(ready, Ordering::Release);
        let mut opened = Vec::new();
        for (queue, lane, prefetch) in &self.taken.queues {
            let consuming = Queue {
                channel: connection.create_channel().await?,
                lane: *lane,
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
    deliveries: mpsc::UnboundedSender<Delivery<Source>>,
    cancel: CancellationToken,
    stop: CancellationToken,
}

impl<Source: Copy + Send + Sync + 'static> Queue<Source> {
    /// Ends well only after `stop`.
    async fn run(self, consumer: lapin::Consumer) -> Result<(), lapin::Error> {
        let (verbs, settled) = mpsc::unbounded_channel();
        // Ends with the session: what its deliveries say from then on is known to be lost.
        let mut telling = AbortOnDropHandle::new(tokio::spawn(settlement::tell_broker(
            self.channel.clone(),
            settled,
        )));
        let tag = consumer.tag();
        let mut consumer = consumer;
        loop {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => break,
                delivery = consumer.next() => match delivery {
                    Some(Ok(delivery)) => {
                        let settlement = Settlement::new(delivery.delivery_tag, verbs.clone());
                        let (lane, rest) = (self.lane, properties::rest(&delivery.properties));
                        let message = properties::decode(&delivery.properties, delivery.data.into());
                        let _ = self.deliveries.send(Delivery { message, lane, rest, settlement });
                    }
                    Some(Err(error)) => return Err(error),
                    None => return Err(std::io::Error::other("the broker cancelled the consumer").into()),
                },
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
}

/// How long closing may take altogether.
pub(in crate::broker) const CLOSE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);
/// How long the last settlements may take when the worker has not waited for its runs.
const FLUSH: std::time::Duration = std::time::Duration::from_millis(500);
