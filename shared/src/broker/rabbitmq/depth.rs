//! How many messages wait in the queues of a lane, asked once a second.

use std::time::Duration;

use lapin::{Channel, Connection};
use tokio::sync::watch;
use tokio::time::timeout;

use super::census;
use super::reply::timed_out;
use super::topology::Topology;
use crate::broker::lane::Lane;

const INTERVAL: Duration = Duration::from_secs(1);

/// Keeps `depth` up to date; ends only with an error. Without a `depth` it waits for ever.
pub(super) async fn watch(
    connection: &Connection,
    channel: &Channel,
    topology: &Topology,
    depth: Option<(Lane, &watch::Sender<Option<u64>>)>,
) -> lapin::Error {
    let Some((lane, depth)) = depth else { return std::future::pending().await };
    let queues = topology.lane_queues(lane);
    loop {
        if connection.status().blocked() {
            // It would not answer, and nothing is published now that could make the queues grow.
            tokio::time::sleep(INTERVAL).await;
            continue;
        }
        let asking = census::ready(channel, &queues);
        match timeout(census::ASK_TIMEOUT, asking).await {
            Ok(Ok(count)) => depth.send_replace(Some(count)),
            Ok(Err(error)) => return error,
            Err(_) => return timed_out(),
        };
        tokio::time::sleep(INTERVAL).await;
    }
}
