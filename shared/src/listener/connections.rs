//! All connections of a listener, and which of them gives way to a new one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::connection::{Connection, Phase, Worth};
use super::limits::Limits;
use super::metrics::{Close, ListenerMetrics};

/// Of the bound, how many more are taken and wait for room: a part.
const WAITING: usize = 8;
/// What each one is granted, however many others come: on a busy machine, a genuine delivery's way from
/// its connection to its digest.
const GRACE: Duration = Duration::from_millis(300);

/// The connections of one listener. Clones are the same.
#[derive(Clone)]
pub(super) struct Connections {
    limits: Limits,
    metrics: Option<ListenerMetrics>,
    inner: Arc<Mutex<Inner>>,
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Wakes who waits for room.
    left: Arc<Notify>,
}

#[derive(Default)]
struct Inner {
    /// By the address of their [`Connection`], which lives as long as they are here.
    open: HashMap<usize, Arc<Connection>>,
    /// Who is waited for.
    expected: HashMap<SocketAddr, oneshot::Sender<()>>,
}

impl Connections {
    pub(super) fn new(limits: Limits, metrics: Option<ListenerMetrics>) -> Self {
        Self { limits, metrics, inner: Arc::default(), turn: Arc::default(), left: Arc::default() }
    }

    /// The most that are ever taken, those that wait for room and those on their way out included.
    pub(super) fn most(&self) -> usize {
        self.limits.connections + waiting(self.limits.connections)
    }

    /// Lets a new one in, from `peer`, as soon as there is room. Beyond the bound another one gives
    /// way: of those that are worth least the one that has lasted longest, so that whoever gets to the
    /// point gets through.
    pub(super) async fn enter(&self, connection: &Arc<Connection>, peer: Option<SocketAddr>) {
        // First come, first served.
        let _turn = self.turn.lock().await;
        while let Err(wait) = self.try_enter(connection) {
            // Nobody gives way as long as all are known to be genuine.
            let wait = wait.unwrap_or_else(|| Instant::now() + GRACE);
            let _ = tokio::time::timeout_at(wait, self.left.notified()).await;
        }
        let knock = peer.and_then(|peer| self.inner().expected.remove(&canonical(peer)));
        if let Some(knock) = knock {
            // Whoever knocked may have gone.
            let _ = knock.send(());
        }
    }

    /// If there is no room, says when somebody can give way.
    fn try_enter(&self, connection: &Arc<Connection>) -> Result<(), Option<Instant>> {
        let mut inner = self.inner();
        if inner.open.len() >= self.limits.connections {
            let worth = |(key, open): (&usize, &Arc<Connection>)| Some((open.worth()?, *key));
            let ((worth, since), key) = inner.open.iter().filter_map(worth).min().ok_or(None)?;
            if worth != Worth::Ending && since.elapsed() < GRACE {
                return Err(Some(since + GRACE));
            }
            // It may have become one that stays.
            if !inner.open.get(&key).is_some_and(|open| open.evict()) {
                return Err(Some(Instant::now()));
            }
            inner.open.remove(&key);
            self.count(Close::GaveWay);
        }
        connection.enter();
        inner.open.insert(key(connection), Arc::clone(connection));
        self.measure(&inner);
        Ok(())
    }

    /// It is closed.
    pub(super) fn remove(&self, connection: &Arc<Connection>) {
        let mut inner = self.inner();
        inner.open.remove(&key(connection));
        self.measure(&inner);
        self.left.notify_one();
    }

    /// It lasted too long at `phase`.
    pub(super) fn overdue(&self, phase: Phase) {
        self.count(match phase {
            Phase::Head => Close::SlowHead,
            Phase::Request => Close::SlowRequest,
            Phase::Idle => Close::Idle,
            Phase::Closing => Close::Lingered,
        });
    }

    /// Resolves when the connection from `peer` was taken.
    pub(super) fn expect(&self, peer: SocketAddr) -> oneshot::Receiver<()> {
        let (knock, taken) = oneshot::channel();
        let mut inner = self.inner();
        inner.expected.retain(|_, knock| !knock.is_closed());
        inner.expected.insert(canonical(peer), knock);
        taken
    }

    fn count(&self, why: Close) {
        if let Some(metrics) = &self.metrics {
            metrics.closed(why);
        }
    }

    fn measure(&self, inner: &Inner) {
        if let Some(metrics) = &self.metrics {
            metrics.open(inner.open.len());
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many wait beyond a bound of `connections`.
pub(super) fn waiting(connections: usize) -> usize {
    (connections / WAITING).clamp(4, 64)
}

/// An IPv4 address shows as another one to a listener on all of IPv6.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

fn key(connection: &Arc<Connection>) -> usize {
    Arc::as_ptr(connection).addr()
}
