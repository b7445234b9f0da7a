//! Publishing with confirms: a batch counts only when the broker has confirmed all of it.
//!
//! Each channel has one owner task ([`super::channel`]); batches reach it through a bounded queue.
//! The caller's deadline holds whatever the broker does. Nothing is tried again here: whoever
//! asked knows what a failure means.

use std::sync::Arc;
use std::time::Duration;

use lapin::{Channel, Connection};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::channel::{self, Parcel};
use super::connection;
use super::depth;
use super::dial::{Address, Live};
use super::goodbye::close_channel;
use super::outlet::Outlet;
use super::provision::{PROVISION_TIMEOUT, Provision, provide};
use super::pulse::PATIENCE;
use super::reply::timed_out;
use super::topology::Topology;
use crate::broker::lane::Lane;
use crate::broker::publication::{Publication, PublishError};
use crate::link::Link;
use crate::metrics::BrokerMetrics;
use crate::settings::BrokerSettings;

/// Batches that may wait in front of one channel.
const WAITING_BATCHES: usize = 64;
/// How often it is looked whether somebody else has declared what is missing.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Publishes batches over a supervised connection, on a channel of its own. The connection
/// ends after the last publisher on it.
#[derive(Debug)]
pub(in crate::broker) struct Publisher {
    parcels: mpsc::Sender<Parcel>,
    connection: Arc<Supervised>,
}

/// The connection that publishers share.
#[derive(Debug)]
struct Supervised {
    outlet: watch::Receiver<Option<Arc<Outlet>>>,
    link: watch::Receiver<Link>,
    depth: watch::Receiver<Option<u64>>,
    topology: Arc<Topology>,
    _stop: DropGuard,
}

impl Publisher {
    /// Starts connecting in the background; until that succeeds every publish is
    /// [`PublishError::Unavailable`]. Must be called on a multi-thread runtime.
    pub(in crate::broker) fn start(
        settings: &BrokerSettings,
        topology: Topology,
        name: String,
        watched: Option<Lane>,
        metrics: BrokerMetrics,
    ) -> anyhow::Result<Self> {
        let address = Address::new(settings, name)?;
        let (outlet_tx, outlet) = watch::channel(None);
        let (link_tx, link) = watch::channel(Link::default());
        let (depth_tx, depth) = watch::channel(None);
        let (stop, topology) = (CancellationToken::new(), Arc::new(topology));
        let (stopped, declared, measured) = (stop.clone(), Arc::clone(&topology), metrics.clone());
        tokio::spawn(connection::supervise(
            address,
            metrics,
            link_tx,
            stop.clone(),
            PATIENCE,
            async move |live, link| {
                let serving = Serving {
                    topology: &declared,
                    outlet: &outlet_tx,
                    depth: watched.map(|lane| (lane, &depth_tx)),
                    metrics: &measured,
                    stop: &stopped,
                };
                let ended = serving.run(live, link).await;
                outlet_tx.send_replace(None);
                depth_tx.send_replace(None);
                measured.publisher_up.set(0);
                measured.publisher_blocked.set(0);
                ended
            },
        ));
        let connection = Supervised { outlet, link, depth, topology, _stop: stop.drop_guard() };
        Ok(Self::on(Arc::new(connection)))
    }

    /// Another publisher on the same connection. Its channel is served by the runtime this is
    /// called on: where each thread has a runtime of its own, publishing from it then crosses
    /// to no other on the way to the connection.
    pub(in crate::broker) fn here(&self) -> Self {
        Self::on(Arc::clone(&self.connection))
    }

    fn on(connection: Arc<Supervised>) -> Self {
        let (parcels, waiting) = mpsc::channel(WAITING_BATCHES);
        let (outlet, topology) = (connection.outlet.clone(), Arc::clone(&connection.topology));
        let held = Arc::clone(&connection);
        tokio::spawn(async move {
            channel::run(outlet, topology, waiting).await;
            // The connection may end now, and not before the channel was closed by name: else
            // lapin takes it for a failure.
            drop(held);
        });
        Self { parcels, connection }
    }

    /// Publishes `batch` and waits for every confirm; `deadline` is also the caller's to keep.
    pub(in crate::broker) async fn send(
        &self,
        batch: Vec<Publication>,
        deadline: Instant,
    ) -> Result<(), PublishError> {
        match self.blocked() {
            None => return Err(PublishError::Unavailable),
            Some(true) => return Err(PublishError::Blocked),
            Some(false) => {}
        }
        let (reply, confirmed) = oneshot::channel();
        let parcel = Parcel { batch, deadline, reply };
        self.parcels.send(parcel).await.map_err(|_| PublishError::Lost)?;
        confirmed.await.unwrap_or(Err(PublishError::Lost))
    }

    /// Whether the broker takes no messages now; `None` without a connection.
    fn blocked(&self) -> Option<bool> {
        let outlet = self.connection.outlet.borrow();
        outlet.as_ref().map(|outlet| outlet.connection.status().blocked())
    }

    /// Whether messages can be published now.
    pub(in crate::broker) fn link(&self) -> Link {
        if self.blocked() == Some(true) {
            Link::Down(Arc::from("blocked by a broker alarm"))
        } else {
            self.connection.link.borrow().clone()
        }
    }

    /// Waits until the connection is up.
    pub(in crate::broker) async fn ready(&self) {
        let mut link = self.connection.link.clone();
        let _ = link.wait_for(|link| *link == Link::Up).await;
    }

    /// Resolves once the connection is closed.
    pub(in crate::broker) fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut link = self.connection.link.clone();
        // Whoever keeps it up tells of it as long as there is anything to tell.
        async move { while link.changed().await.is_ok() {} }
    }

    /// Messages ready in all queues of the watched lane together, as of the last second; `None` if unknown.
    pub(in crate::broker) fn depth(&self) -> Option<u64> {
        *self.connection.depth.borrow()
    }
}

/// What is worked with on one connection.
struct Serving<'a> {
    topology: &'a Topology,
    outlet: &'a watch::Sender<Option<Arc<Outlet>>>,
    depth: Option<(Lane, &'a watch::Sender<Option<u64>>)>,
    metrics: &'a BrokerMetrics,
    stop: &'a CancellationToken,
}

impl Serving<'_> {
    /// Sees that everything is there, lets the channels open and serves until anything
    /// fails or `stop`.
    async fn run(&self, live: &Live, link: &watch::Sender<Link>) -> Result<(), lapin::Error> {
        let connection = &live.connection;
        let Some(looking) = self.provide(connection, link).await? else { return Ok(()) };
        let (outlet, mut failed) = Outlet::on(live);
        self.outlet.send_replace(Some(Arc::new(outlet)));
        self.metrics.publisher_up.set(1);
        link.send_replace(Link::Up);
        let error = tokio::select! {
            error = connection::watch(connection, |blocked| {
                self.metrics.publisher_up.set(i64::from(!blocked));
                self.metrics.publisher_blocked.set(i64::from(blocked));
            }) => error,
            Some(error) = failed.recv() => error,
            error = depth::watch(connection, &looking, self.topology, self.depth) => error,
            () = self.stop.cancelled() => {
                close_channel(&looking, "done").await;
                return Ok(());
            }
        };
        Err(error)
    }

    /// Waits until everything is there that is published to; gives the channel on which that was
    /// found. `None` at `stop`.
    async fn provide(
        &self,
        connection: &Connection,
        link: &watch::Sender<Link>,
    ) -> Result<Option<Channel>, lapin::Error> {
        loop {
            let providing = self.stop.run_until_cancelled(provide(connection, self.topology));
            let why = match timeout(PROVISION_TIMEOUT, providing).await {
                Ok(Some(provision)) => match provision? {
                    Provision::Complete(channel) => return Ok(Some(channel)),
                    Provision::Forbidden(why) => why,
                },
                Ok(None) => return Ok(None),
                Err(_) => return Err(timed_out()),
            };
            let down = Link::Down(Arc::from(why.as_str()));
            if link.send_replace(down.clone()) != down {
                tracing::warn!(error = why, "broker lacks what is published to, waiting for it");
            }
            let waiting = tokio::time::sleep(LOOK_INTERVAL);
            if self.stop.run_until_cancelled(waiting).await.is_none() {
                return Ok(None);
            }
        }
    }
}
