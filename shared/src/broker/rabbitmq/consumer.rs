//! A consumer as its owner sees it: deliveries that come in, over a supervised connection of its own.
//! Decides nothing about them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::connection;
use super::consuming::Consuming;
use super::dial::Address;
use super::pulse::CONSUMERS_PATIENCE;
use super::taken::Taken;
use crate::broker::delivery::Delivery;
use crate::link::Link;
use crate::metrics::BrokerMetrics;
use crate::settings::BrokerSettings;

/// How long closing may take altogether.
pub(in crate::broker) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Takes deliveries over a supervised connection of its own: a blocked publishing connection
/// would write no acks.
#[derive(Debug)]
pub(in crate::broker) struct Consumer {
    link: watch::Receiver<Link>,
    /// Messages that were ready when the queues were last opened.
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
        let counted = Arc::clone(&waiting);
        let task = tokio::spawn(connection::supervise(
            address,
            metrics,
            link_tx,
            stop.clone(),
            CONSUMERS_PATIENCE,
            async move |live, link| {
                let consuming = Consuming {
                    taken: &taken,
                    deliveries: &deliveries,
                    waiting: &counted,
                    cancel: &cancelled,
                    stop: &stopped,
                };
                let ended = consuming.run(&live.connection, link, &measured).await;
                measured.consumer_up.set(0);
                ended
            },
        ));
        Ok((Self { link, waiting, cancel, stop, task }, receiver))
    }

    /// Waits until deliveries can come in; tells how many messages were ready then.
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
