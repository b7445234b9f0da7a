//! Taking deliveries and dead letters, whatever the engine. Decides nothing about them.

use std::time::Duration;

use tokio::sync::mpsc;

use super::delivery::{DeadQueue, Delivery};
use super::engine::Broker;
use super::rabbitmq::taken::Taken;
use super::{rabbitmq, sqlite};
use crate::link::Link;
use crate::metrics::BrokerMetrics;
use crate::settings::BrokerSettings;

/// How a consumer of events is set up.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// Shown in RabbitMQ's own tools, e.g. `hubline worker`.
    pub name: String,
    /// Unsettled deliveries per work queue.
    pub prefetch: u16,
    /// Unsettled deliveries of the bulk queue.
    pub bulk_prefetch: u16,
}

/// How dead letters are taken.
#[derive(Clone, Debug)]
pub struct DeadLetterOptions {
    /// Shown in RabbitMQ's own tools.
    pub name: String,
    /// Unsettled deliveries per queue.
    pub prefetch: u16,
}

/// Takes what it was set up for, until dropped or closed. Several may do so side by side.
#[derive(Debug)]
pub struct Consumer(Engine);

#[derive(Debug)]
enum Engine {
    RabbitMq(rabbitmq::consumer::Consumer),
    Sqlite(sqlite::consumer::Consumer),
}

/// A consumer, and where it puts what it takes.
type Consuming<Source> = (Consumer, mpsc::UnboundedReceiver<Delivery<Source>>);

impl Broker {
    /// Consumes every work queue and the bulk queue in the background. Deliveries of a lost
    /// connection may still be in the receiver: settling them does nothing, and they come
    /// again. Must be called on a multi-thread runtime.
    pub fn consumer(
        &self,
        options: ConsumerOptions,
        metrics: BrokerMetrics,
    ) -> anyhow::Result<(Consumer, mpsc::UnboundedReceiver<Delivery>)> {
        let ConsumerOptions { name, prefetch, bulk_prefetch } = options;
        match self {
            Self::RabbitMq { settings, topology } => {
                let taken = Taken::events(topology.clone(), prefetch, bulk_prefetch);
                Consumer::on_rabbitmq(settings, name, taken, metrics)
            }
            Self::Sqlite(embedded) => {
                embedded.follow(metrics.consumer_up);
                let started = sqlite::consumer::Consumer::events(embedded, prefetch, bulk_prefetch);
                Ok(Consumer::on_sqlite(started))
            }
        }
    }

    /// Consumes the dead letters and what could not be routed in the same way.
    pub fn dead_letters(
        &self,
        options: DeadLetterOptions,
        metrics: BrokerMetrics,
    ) -> anyhow::Result<(Consumer, mpsc::UnboundedReceiver<Delivery<DeadQueue>>)> {
        let DeadLetterOptions { name, prefetch } = options;
        match self {
            Self::RabbitMq { settings, topology } => {
                let taken = Taken::dead_letters(topology.clone(), prefetch);
                Consumer::on_rabbitmq(settings, name, taken, metrics)
            }
            Self::Sqlite(embedded) => {
                embedded.follow(metrics.consumer_up);
                let started = sqlite::consumer::Consumer::dead_letters(embedded, prefetch);
                Ok(Consumer::on_sqlite(started))
            }
        }
    }
}

impl Consumer {
    /// The longest that [`Self::close`] takes.
    pub const CLOSE: Duration = rabbitmq::consumer::CLOSE_TIMEOUT;

    fn on_rabbitmq<Source: Copy + Send + Sync + 'static>(
        settings: &BrokerSettings,
        name: String,
        taken: Taken<Source>,
        metrics: BrokerMetrics,
    ) -> anyhow::Result<Consuming<Source>> {
        let (consumer, deliveries) =
            rabbitmq::consumer::Consumer::start(settings, name, taken, metrics)?;
        Ok((Self(Engine::RabbitMq(consumer)), deliveries))
    }

    fn on_sqlite<Source>(
        (consumer, deliveries): sqlite::consumer::Consuming<Source>,
    ) -> Consuming<Source> {
        (Self(Engine::Sqlite(consumer)), deliveries)
    }

    /// Whether deliveries can come in now.
    pub fn link(&self) -> Link {
        match &self.0 {
            Engine::RabbitMq(consumer) => consumer.link(),
            Engine::Sqlite(consumer) => consumer.link(),
        }
    }

    /// Waits until deliveries can come in, and tells how many there are to come: those that were
    /// ready when the queues were last opened.
    pub async fn ready(&self) -> anyhow::Result<u64> {
        match &self.0 {
            Engine::RabbitMq(consumer) => Ok(consumer.ready().await),
            Engine::Sqlite(consumer) => Ok(consumer.ready().await?),
        }
    }

    /// Asks for no more deliveries; what was delivered can still be settled.
    pub fn cancel(&self) {
        match &self.0 {
            Engine::RabbitMq(consumer) => consumer.cancel(),
            Engine::Sqlite(consumer) => consumer.cancel(),
        }
    }

    /// Ends after telling every settlement made so far. What is not settled goes back to its
    /// queue. Waits some seconds for an engine that does not answer, and no longer.
    pub async fn close(self) {
        match self.0 {
            Engine::RabbitMq(consumer) => consumer.close().await,
            Engine::Sqlite(consumer) => consumer.close().await,
        }
    }
}
