//! Counting on RabbitMQ: by asking for each queue without declaring it. Nobody else asks.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Queue};
use tokio::time::timeout;

use super::dial::Address;
use super::goodbye::{close_channel, close_connection};
use super::reply::{is_not_found, timed_out};
use super::topology::Topology;
use crate::broker::queue::QueueDepth;
use crate::settings::BrokerSettings;

/// How long the answers of a census are waited for.
pub(super) const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a queue that was not there is not asked for again.
const MISSING_FOR: Duration = Duration::from_secs(60);

/// What stands in `queue` and who consumes it. That it is not there costs the channel.
pub(crate) async fn ask(channel: &Channel, queue: &str) -> Result<Queue, lapin::Error> {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    channel.queue_declare(queue.into(), options, FieldTable::default()).await
}

/// How many messages are ready in `queues` together, all of which are there.
pub(super) async fn ready(channel: &Channel, queues: &[String]) -> Result<u64, lapin::Error> {
    let mut ready = 0;
    for queue in queues {
        ready += u64::from(ask(channel, queue).await?.message_count());
    }
    Ok(ready)
}

/// Counts all queues once, over a connection of its own: what is asked for in vain costs a channel.
pub(in crate::broker) async fn depths(
    settings: &BrokerSettings,
    topology: &Topology,
) -> anyhow::Result<Vec<QueueDepth>> {
    let address = Address::new(settings, "hubline queue depths".to_owned())?;
    let live = address.connect().await.map_err(anyhow::Error::msg)?;
    let counted = Census::default().take(&live.connection, topology).await;
    close_connection(&live.connection).await;
    Ok(counted?)
}

/// Counts again and again, and knows which queues were not there, and when that was found out: it costs
/// a channel, and lines in logs on both sides.
#[derive(Debug, Default)]
pub(super) struct Census {
    missing: HashMap<String, Instant>,
}

impl Census {
    /// All queues at this moment.
    pub(super) async fn take(
        &mut self,
        connection: &Connection,
        topology: &Topology,
    ) -> Result<Vec<QueueDepth>, lapin::Error> {
        timeout(ASK_TIMEOUT, self.ask_all(connection, topology)).await.map_err(|_| timed_out())?
    }

    async fn ask_all(
        &mut self,
        connection: &Connection,
        topology: &Topology,
    ) -> Result<Vec<QueueDepth>, lapin::Error> {
        let mut channel = connection.create_channel().await?;
        let mut depths = Vec::new();
        for (name, kind) in topology.queues() {
            let mut depth = QueueDepth::unknown(name, kind);
            if self.missing.get(&depth.name).is_some_and(|since| since.elapsed() < MISSING_FOR) {
                depths.push(depth);
                continue;
            }
            match ask(&channel, &depth.name).await {
                Ok(queue) => {
                    depth.messages = Some(u64::from(queue.message_count()));
                    depth.consumers = Some(queue.consumer_count());
                }
                Err(error) if is_not_found(&error) => {
                    self.missing.insert(depth.name.clone(), Instant::now());
                    channel = connection.create_channel().await?;
                }
                Err(error) => return Err(error),
            }
            depths.push(depth);
        }
        close_channel(&channel, "counted").await;
        Ok(depths)
    }
}
