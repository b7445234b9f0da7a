//! Publishing with confirms: a batch counts only when the broker has confirmed all of it.
//!
//! Each channel has one owner task ([`super::lane`]); batches are spread over the lanes through
//! bounded queues. The caller's deadline holds whatever the broker does. Nothing is tried
//! again here: whoever asked knows what a failure means.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::{Channel, Connection};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::connection::{self, Address};
use super::depth;
use super::lane::{self, Job};
use super::topology::Topology;
use crate::broker::{Link, Publication, PublishError};
use crate::metrics::BrokerMetrics;
use crate::settings::BrokerSettings;

/// Channels, each with its owner task. More brought nothing in measurements.
const LANES: usize = 4;
/// Batches that may wait in front of one channel.
const WAITING_BATCHES: usize = 64;
/// Declaring everything and opening the channels takes the broker well under this.
pub(super) const DECLARE_TIMEOUT: Duration = Duration::from_secs(30);

/// How a publisher is set up.
#[derive(Clone, Debug)]
pub struct PublisherOptions {
    /// Shown in RabbitMQ's own tools, e.g. `hubline receiver`.
    pub name: String,
    /// Whether to watch how many messages wait in the work queues ([`Publisher::depth`]).
    pub watch_depth: bool,
}

/// Publishes batches over a supervised connection of its own, until dropped or closed.
#[derive(Debug)]
pub struct Publisher {
    session: watch::Receiver<Option<Arc<Session>>>,
    link: watch::Receiver<Link>,
    depth: watch::Receiver<Option<u64>>,
    metrics: BrokerMetrics,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// The channels of one live connection.
#[derive(Debug)]
struct Session {
    lanes: Vec<mpsc::Sender<Job>>,
    next: AtomicUsize,
    status: Status,
}

/// lapin's status has no `Debug`.
struct Status(lapin::ConnectionStatus);

impl std::fmt::Debug for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.blocked() { "blocked" } else { "open" })
    }
}

impl Publisher {
    /// Starts connecting in the background; until that succeeds every publish is
    /// [`PublishError::Unavailable`]. Must be called on a multi-thread runtime.
    pub fn start(
        settings: &BrokerSettings,
        topology: Topology,
        options: PublisherOptions,
        metrics: BrokerMetrics,
    ) -> anyhow::Result<Self> {
        let address = Address { uri: settings.url()?, name: options.name };
        let (session_tx, session) = watch::channel(None);
        let (link_tx, link) = watch::channel(Link::default());
        let (depth_tx, depth) = watch::channel(None);
        let stop = CancellationToken::new();
        let (stopped, measured) = (stop.clone(), metrics.clone());
        let task = tokio::spawn(connection::supervise(
            address,
            metrics.clone(),
            link_tx,
            stop.clone(),
            async move |connection, link| {
                let watched = options.watch_depth.then_some(&depth_tx);
                let session = Serving {
                    topology: &topology,
                    session: &session_tx,
                    depth: watched,
                    metrics: &measured,
                    stop: &stopped,
                };
                let ended = session.run(connection, link).await;
                session_tx.send_replace(None);
                depth_tx.send_replace(None);
                measured.publisher_up.set(0);
                ended
            },
        ));
        Ok(Self { session, link, depth, metrics, stop, task })
    }

    /// Publishes `batch` and waits until the broker has confirmed every message of it, but not
    /// past `deadline`. An empty batch is confirmed at once.
    pub async fn publish(
        &self,
        batch: Vec<Publication>,
        deadline: Instant,
    ) -> Result<(), PublishError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut counts = BTreeMap::new();
        for publication in &batch {
            *counts.entry(publication.route.as_str()).or_default() += 1;
        }
        let started = Instant::now();
        let result = timeout_at(deadline, self.hand_over(batch, deadline))
            .await
            .unwrap_or(Err(PublishError::TimedOut));
        let label = match result {
            Ok(()) => "confirmed",
            Err(PublishError::Refused) => "refused",
            Err(PublishError::TimedOut) => "timed_out",
            Err(_) => "failed",
        };
        for (route, count) in counts {
            self.metrics.published(route, label, count);
        }
        if result.is_ok() {
            self.metrics.confirm_seconds.observe(started.elapsed().as_secs_f64());
        }
        result
    }

    async fn hand_over(
        &self,
        batch: Vec<Publication>,
        deadline: Instant,
    ) -> Result<(), PublishError> {
        let session = self.session.borrow().clone().ok_or(PublishError::Unavailable)?;
        if session.status.0.blocked() {
            return Err(PublishError::Blocked);
        }
        let lane = session.next.fetch_add(1, Ordering::Relaxed) % session.lanes.len();
        let (reply, confirmed) = oneshot::channel();
        let job = Job { batch, deadline, reply };
        session.lanes[lane].send(job).await.map_err(|_| PublishError::Lost)?;
        confirmed.await.unwrap_or(Err(PublishError::Lost))
    }

    /// Whether messages can be published now.
    pub fn link(&self) -> Link {
        let blocked =
            self.session.borrow().as_ref().is_some_and(|session| session.status.0.blocked());
        if blocked {
            Link::Down(Arc::from("blocked by a broker alarm"))
        } else {
            self.link.borrow().clone()
        }
    }

    /// Waits until the connection is up.
    pub async fn ready(&self) {
        let mut link = self.link.clone();
        let _ = link.wait_for(|link| *link == Link::Up).await;
    }

    /// Messages ready in all work queues together, as of the last second; `None` if unknown.
    pub fn depth(&self) -> Option<u64> {
        *self.depth.borrow()
    }

    /// Closes the connection. Batches not confirmed by then are [`PublishError::Lost`].
    pub async fn close(mut self) {
        self.stop.cancel();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What one session works with.
struct Serving<'a> {
    topology: &'a Topology,
    session: &'a watch::Sender<Option<Arc<Session>>>,
    depth: Option<&'a watch::Sender<Option<u64>>>,
    metrics: &'a BrokerMetrics,
    stop: &'a CancellationToken,
}

impl Serving<'_> {
    /// Declares, opens the lanes and serves until anything fails or `stop`.
    async fn run(
        &self,
        connection: &Arc<Connection>,
        link: &watch::Sender<Link>,
    ) -> Result<(), lapin::Error> {
        let opening = self.stop.run_until_cancelled(self.open(connection));
        let (declaring, channels) = match timeout(DECLARE_TIMEOUT, opening).await {
            Ok(Some(opened)) => opened?,
            Ok(None) => return Ok(()),
            Err(_) => return Err(timed_out()),
        };
        let mut tasks = JoinSet::new();
        let mut lanes = Vec::with_capacity(LANES);
        for channel in channels {
            let (sender, jobs) = mpsc::channel(WAITING_BATCHES);
            lanes.push(sender);
            tasks.spawn(lane::serve(Arc::clone(connection), channel, self.topology.clone(), jobs));
        }
        let status = Status(connection.status().clone());
        self.session.send_replace(Some(Arc::new(Session {
            lanes,
            next: AtomicUsize::new(0),
            status,
        })));
        self.metrics.publisher_up.set(1);
        link.send_replace(Link::Up);
        tokio::select! {
            error = connection::watch(connection, |blocked| {
                self.metrics.publisher_up.set(i64::from(!blocked));
            }) => Err(error),
            Some(ended) = tasks.join_next() => match ended {
                Ok(Ok(())) => Err(timed_out()),
                Ok(Err(error)) => Err(error),
                Err(panic) => Err(std::io::Error::other(panic).into()),
            },
            error = depth::watch(connection, &declaring, self.topology, self.depth) => Err(error),
            () = self.stop.cancelled() => Ok(()),
        }
    }

    /// Declares everything; the channel this took, and one for each lane.
    async fn open(&self, connection: &Connection) -> Result<(Channel, Vec<Channel>), lapin::Error> {
        let declaring = connection.create_channel().await?;
        self.topology.declare(&declaring).await?;
        let mut channels = Vec::with_capacity(LANES);
        for _ in 0..LANES {
            channels.push(lane::open(connection).await?);
        }
        Ok((declaring, channels))
    }
}

/// The broker is there but does not answer.
pub(super) fn timed_out() -> lapin::Error {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
