//! How many messages every queue has, by asking for each without declaring it.

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection};

use super::connection::{self, Address};
use super::reply::is_not_found;
use super::topology::Topology;
use crate::broker::{QueueDepth, QueueKind};
use crate::settings::BrokerSettings;

/// Asks over a connection of its own: what it asks for in vain costs a channel.
pub(in crate::broker) async fn ask(
    settings: &BrokerSettings,
    topology: &Topology,
) -> anyhow::Result<Vec<QueueDepth>> {
    let address = Address { uri: settings.url()?, name: "hubline queue depths".to_owned() };
    let connection = connection::connect(&address).await.map_err(anyhow::Error::msg)?;
    let asked = ask_all(&connection, topology).await;
    connection::close(&connection).await;
    Ok(asked?)
}

async fn ask_all(
    connection: &Connection,
    topology: &Topology,
) -> Result<Vec<QueueDepth>, lapin::Error> {
    let mut channel = connection.create_channel().await?;
    let mut depths = Vec::new();
    for (name, kind) in names(topology) {
        let mut depth = QueueDepth::new(name, kind);
        match ask_one(&channel, &depth.name).await {
            Ok((messages, consumers)) => {
                depth.messages = Some(u64::from(messages));
                depth.consumers = Some(consumers);
            }
            Err(error) if is_not_found(&error) => channel = connection.create_channel().await?,
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
