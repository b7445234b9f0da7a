//! How many messages wait in the queues of a lane, asked once a second.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use tokio::sync::watch;
use tokio::time::timeout;

use super::publisher::timed_out;
use super::topology::Topology;
use crate::broker::Lane;

const INTERVAL: Duration = Duration::from_secs(1);
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// Keeps `depth` up to date; ends only with an error. Without a `depth` it waits for ever.
pub(super) async fn watch(
    connection: &Connection,
    channel: &Channel,
    topology: &Topology,
    depth: Option<(Lane, &watch::Sender<Option<u64>>)>,
) -> lapin::Error {
    let Some((lane, depth)) = depth else { return std::future::pending().await };
    loop {
        if connection.status().blocked() {
            // It would not answer, and nothing is published now that could make the queues grow.
            tokio::time::sleep(INTERVAL).await;
            continue;
        }
        match timeout(ASK_TIMEOUT, ask(channel, topology, lane)).await {
            Ok(Ok(count)) => depth.send_replace(Some(count)),
            Ok(Err(error)) => return error,
            Err(_) => return timed_out(),
        };
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn ask(channel: &Channel, topology: &Topology, lane: Lane) -> Result<u64, lapin::Error> {
    let queues = match lane {
        Lane::Work => topology.work_queues().collect(),
        Lane::Bulk => vec![topology.bulk_queue()],
    };
    let mut total = 0;
    for queue in queues {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let declared =
            channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await?;
        total += u64::from(declared.message_count());
    }
    Ok(total)
}
