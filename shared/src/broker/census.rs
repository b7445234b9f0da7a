//! How much stands in every queue, and since when: the one count of messages that there is, made by
//! the engine that has them. Decides nothing, and declares nothing.

use prometheus_client::registry::Registry;
use tokio_util::sync::DropGuard;
use tokio_util::task::AbortOnDropHandle;

use super::engine::Broker;
use super::queue::QueueDepth;
use super::{rabbitmq, sqlite};
use crate::metrics::BrokerMetrics;

/// Keeps gauges of the queues until it is dropped.
#[derive(Debug)]
pub struct Measuring {
    _running: Running,
}

#[derive(Debug)]
#[expect(dead_code, reason = "they are there to be dropped")]
enum Running {
    RabbitMq(DropGuard),
    Sqlite(AbortOnDropHandle<()>),
}

impl Broker {
    /// Keeps `hubline_queue_messages`, and on RabbitMQ `hubline_queue_consumers`, in `registry`, over
    /// a connection of its own. What is not known has no value. Must be called on a multi-thread
    /// runtime.
    pub fn measure(
        &self,
        registry: &mut Registry,
        metrics: BrokerMetrics,
    ) -> anyhow::Result<Measuring> {
        let running =
            match self {
                Self::RabbitMq { settings, topology } => Running::RabbitMq(
                    rabbitmq::measuring::start(settings, topology.clone(), registry, metrics)?,
                ),
                Self::Sqlite(embedded) => Running::Sqlite(embedded.measure(registry)),
            };
        Ok(Measuring { _running: running })
    }

    /// All queues, those with live events first. On RabbitMQ over a connection of its own, which
    /// takes as long as the server does: give it a deadline.
    pub async fn depths(&self) -> anyhow::Result<Vec<QueueDepth>> {
        match self {
            Self::RabbitMq { settings, topology } => {
                rabbitmq::census::depths(settings, topology).await
            }
            Self::Sqlite(embedded) => Ok(sqlite::census::depths(embedded.store()).await?),
        }
    }
}
