//! How many messages every queue has, by asking for each without declaring it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connection;
use super::dial::Address;
use super::publisher::timed_out;
use super::pulse::PATIENCE;
use super::reply::is_not_found;
use super::topology::Topology;
use crate::broker::{Link, QueueDepth, QueueKind};
use crate::metrics::{BrokerMetrics, probe_by};
use crate::settings::BrokerSettings;

/// As often as Prometheus commonly asks.
const EVERY: Duration = Duration::from_secs(15);
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a queue that was not there is not asked for again.
const MISSING_FOR: Duration = Duration::from_secs(60);

/// Asks over a connection of its own: what it asks for in vain costs a channel.
pub(in crate::broker) async fn ask(
    settings: &BrokerSettings,
    topology: &Topology,
) -> anyhow::Result<Vec<QueueDepth>> {
    let address = Address::new(settings, "hubline queue depths".to_owned())?;
    let live = address.connect().await.map_err(anyhow::Error::msg)?;
    let asked =
        timeout(ASK_TIMEOUT, ask_all(&live.connection, topology, &mut HashMap::new())).await;
    connection::close(&live).await;
    Ok(asked.map_err(|_| timed_out())??)
}

/// Asks for ever over one connection, and shows what was answered last while there is one.
pub(in crate::broker) fn measure(
    settings: &BrokerSettings,
    topology: Topology,
    registry: &mut Registry,
    metrics: BrokerMetrics,
) -> anyhow::Result<DropGuard> {
    let address = Address::new(settings, "hubline queue gauges".to_owned())?;
    let known = Arc::new(Mutex::new(Vec::new()));
    register(registry, &known, topology.prefix());
    let (stop, (link, _)) = (CancellationToken::new(), watch::channel(Link::default()));
    let stopped = stop.clone();
    let session = async move |connection: &Arc<Connection>, link: &watch::Sender<Link>| {
        let asking = watch_all(connection, &topology, &known, link);
        // A connection's events are no sign here: a queue that is not there yet is one of them.
        let ended = match stopped.run_until_cancelled(asking).await {
            Some(error) => Err(error),
            None => Ok(()),
        };
        set(&known, Vec::new());
        ended
    };
    tokio::spawn(connection::supervise(address, metrics, link, stop.clone(), PATIENCE, session));
    Ok(stop.drop_guard())
}

type Known = Mutex<Vec<QueueDepth>>;

fn set(known: &Known, depths: Vec<QueueDepth>) {
    *known.lock().unwrap_or_else(PoisonError::into_inner) = depths;
}

fn register(registry: &mut Registry, known: &Arc<Known>, prefix: &str) {
    let values = |of: fn(&QueueDepth) -> Option<f64>| {
        let (known, prefix) = (Arc::clone(known), format!("{prefix}."));
        move || {
            let depths = known.lock().unwrap_or_else(PoisonError::into_inner);
            let name = |depth: &QueueDepth| {
                depth.name.strip_prefix(&prefix).unwrap_or(&depth.name).to_owned()
            };
            let value = |depth| Some(([("queue", name(depth))], of(depth)?));
            depths.iter().filter_map(value).collect()
        }
    };
    probe_by(
        registry,
        "queue_messages",
        "Messages that are ready in a queue; those in a worker's hand do not count",
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        values(|depth| depth.messages.map(|messages| messages as f64)),
    );
    probe_by(
        registry,
        "queue_consumers",
        "Consumers of a queue",
        values(|depth| depth.consumers.map(f64::from)),
    );
}

/// Queues that were not there, and when that was found out. It costs a channel, and lines in logs on
/// both sides.
type Missing = HashMap<String, Instant>;

/// Ends only with an error.
async fn watch_all(
    connection: &Connection,
    topology: &Topology,
    known: &Known,
    link: &watch::Sender<Link>,
) -> lapin::Error {
    let mut missing = HashMap::new();
    loop {
        match timeout(ASK_TIMEOUT, ask_all(connection, topology, &mut missing)).await {
            Ok(Ok(depths)) => set(known, depths),
            Ok(Err(error)) => return error,
            Err(_) => return timed_out(),
        }
        link.send_replace(Link::Up);
        tokio::time::sleep(EVERY).await;
    }
}

async fn ask_all(
    connection: &Connection,
    topology: &Topology,
    missing: &mut Missing,
) -> Result<Vec<QueueDepth>, lapin::Error> {
    let mut channel = connection.create_channel().await?;
    let mut depths = Vec::new();
    for (name, kind) in names(topology) {
        let mut depth = QueueDepth::new(name, kind);
        if missing.get(&depth.name).is_some_and(|since| since.elapsed() < MISSING_FOR) {
            depths.push(depth);
            continue;
        }
        match ask_one(&channel, &depth.name).await {
            Ok((messages, consumers)) => {
                depth.messages = Some(u64::from(messages));
                depth.consumers = Some(consumers);
            }
            Err(error) if is_not_found(&error) => {
                missing.insert(depth.name.clone(), Instant::now());
                channel = connection.create_channel().await?;
            }
            Err(error) => return Err(error),
        }
        depths.push(depth);
    }
    Ok(depths)
}

fn names(topology: &Topology) -> impl Iterator<Item = (String, QueueKind)> {
    let work = topology.work_queues().map(|name| (name, QueueKind::Work));
    let retry = topology.retry_queues().map(|name| (name, QueueKind::Retry));
    let others = [
        (topology.dead_queue(), QueueKind::Dead),
        (topology.unrouted_queue(), QueueKind::Unrouted),
    ];
    work.chain([(topology.bulk_queue(), QueueKind::Bulk)]).chain(retry).chain(others)
}

async fn ask_one(channel: &Channel, queue: &str) -> Result<(u32, u32), lapin::Error> {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
    Ok((found.message_count(), found.consumer_count()))
}
