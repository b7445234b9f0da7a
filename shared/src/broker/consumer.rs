//! Taking deliveries, whatever the engine. Decides nothing about them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::publisher::follow;
use super::{Broker, Delivery, Embedded, Link, rabbitmq, sqlite};
use crate::metrics::BrokerMetrics;

/// How a consumer is set up.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// Shown in RabbitMQ's own tools, e.g. `hubline worker`.
    pub name: String,
    /// Unsettled deliveries per work queue.
    pub prefetch: u16,
    /// Unsettled deliveries of the bulk queue.
    pub bulk_prefetch: u16,
}

/// Takes deliveries, until dropped or closed.
#[derive(Debug)]
pub struct Consumer(Engine);

#[derive(Debug)]
enum Engine {
    RabbitMq(rabbitmq::consumer::Consumer),
    Sqlite(sqlite::consumer::Consumer, Arc<Embedded>),
}

impl Broker {
    /// Consumes every work queue and the bulk queue in the background. Deliveries of a lost
    /// connection may still be in the receiver: settling them does nothing, and they come
    /// again. Must be called on a multi-thread runtime.
    pub fn consumer(
        &self,
        options: ConsumerOptions,
        metrics: BrokerMetrics,
    ) -> anyhow::Result<(Consumer, mpsc::UnboundedReceiver<Delivery>)> {
        match self {
            Self::RabbitMq { settings, topology } => {
                let taken = rabbitmq::consumer::Taken::events(topology.clone(), &options);
                let (consumer, deliveries) =
                    rabbitmq::consumer::Consumer::start(settings, options.name, taken, metrics)?;
                Ok((Consumer(Engine::RabbitMq(consumer)), deliveries))
            }
            Self::Sqlite(embedded) => {
                follow(embedded, metrics.consumer_up.clone());
                let (consumer, deliveries) = sqlite::consumer::Consumer::start(embedded, &options);
                Ok((Consumer(Engine::Sqlite(consumer, Arc::clone(embedded))), deliveries))
            }
        }
    }
}

impl Consumer {
    /// The longest that [`Self::close`] takes.
    pub const CLOSE: Duration = rabbitmq::consumer::CLOSE_TIMEOUT;

    /// Whether deliveries can come in now.
    pub fn link(&self) -> Link {
        match &self.0 {
            Engine::RabbitMq(consumer) => consumer.link(),
            Engine::Sqlite(_, embedded) => embedded.link(),
        }
    }

    /// Asks for no more deliveries; what was delivered can still be settled.
    pub fn cancel(&self) {
        match &self.0 {
            Engine::RabbitMq(consumer) => consumer.cancel(),
            Engine::Sqlite(consumer, _) => consumer.cancel(),
        }
    }

    /// Ends after telling every settlement made so far. What is not settled goes back to its
    /// queue. Waits some seconds for an engine that does not answer, and no longer.
    pub async fn close(self) {
        match self.0 {
            Engine::RabbitMq(consumer) => consumer.close().await,
            Engine::Sqlite(consumer, _) => consumer.close().await,
        }
    }
}
