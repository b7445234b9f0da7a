//! Gauges of the queues, counted for ever over one connection.

use std::time::Duration;

use lapin::Connection;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::census::Census;
use super::connection;
use super::dial::{Address, Live};
use super::pulse::PATIENCE;
use super::topology::Topology;
use crate::broker::gauges::Gauges;
use crate::link::Link;
use crate::metrics::BrokerMetrics;
use crate::settings::BrokerSettings;

/// As often as Prometheus commonly asks.
const EVERY: Duration = Duration::from_secs(15);

/// Counts until the guard is dropped, and shows what was answered last while there is a connection.
pub(in crate::broker) fn start(
    settings: &BrokerSettings,
    topology: Topology,
    registry: &mut Registry,
    metrics: BrokerMetrics,
) -> anyhow::Result<DropGuard> {
    let address = Address::new(settings, "hubline queue gauges".to_owned())?;
    let prefix = topology.name("");
    let gauges = Gauges::register(registry, &prefix);
    gauges.register_consumers(registry, &prefix);
    let (stop, (link, _)) = (CancellationToken::new(), watch::channel(Link::default()));
    let stopped = stop.clone();
    let counting = async move |live: &Live, link: &watch::Sender<Link>| {
        let counting = count(&live.connection, &topology, &gauges, link);
        // A connection's events are no sign here: a queue that is not there yet is one of them.
        let ended = match stopped.run_until_cancelled(counting).await {
            Some(error) => Err(error),
            None => Ok(()),
        };
        gauges.show(Vec::new());
        ended
    };
    tokio::spawn(connection::supervise(address, metrics, link, stop.clone(), PATIENCE, counting));
    Ok(stop.drop_guard())
}

/// Ends only with an error.
async fn count(
    connection: &Connection,
    topology: &Topology,
    gauges: &Gauges,
    link: &watch::Sender<Link>,
) -> lapin::Error {
    let mut census = Census::default();
    loop {
        match census.take(connection, topology).await {
            Ok(depths) => gauges.show(depths),
            Err(error) => return error,
        }
        link.send_replace(Link::Up);
        tokio::time::sleep(EVERY).await;
    }
}
