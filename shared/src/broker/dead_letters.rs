//! Taking dead letters, for those who keep them elsewhere. Decides nothing about them.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::publisher::follow;
use super::{Broker, Delivery, Embedded, Link, rabbitmq, sqlite};
use crate::metrics::BrokerMetrics;

/// The queues of what no handler will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeadQueue {
    /// Given up.
    Dead,
    /// No queue had its routing key. A data file has no such queue: there is no routing.
    Unrouted,
}

impl DeadQueue {
    /// The name in records, metrics and filters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Unrouted => "unrouted",
        }
    }
}

/// How dead letters are taken.
#[derive(Clone, Debug)]
pub struct DeadLetterOptions {
    /// Shown in RabbitMQ's own tools.
    pub name: String,
    /// Unsettled deliveries per queue.
    pub prefetch: u16,
}

/// Takes dead letters, until dropped or closed. Several may do so side by side.
#[derive(Debug)]
pub struct DeadLetters(Engine);

#[derive(Debug)]
enum Engine {
    RabbitMq(rabbitmq::consumer::Consumer),
    Sqlite(sqlite::consumer::Consumer, Arc<Embedded>),
}

impl Broker {
    /// Consumes the dead letters and what could not be routed in the background, as
    /// [`Broker::consumer`] does with events. Must be called on a multi-thread runtime.
    pub fn dead_letters(
        &self,
        options: DeadLetterOptions,
        metrics: BrokerMetrics,
    ) -> anyhow::Result<(DeadLetters, mpsc::UnboundedReceiver<Delivery<DeadQueue>>)> {
        let DeadLetterOptions { name, prefetch } = options;
        match self {
            Self::RabbitMq { settings, topology } => {
                let taken = rabbitmq::consumer::Taken::dead_letters(topology.clone(), prefetch);
                let (consumer, deliveries) =
                    rabbitmq::consumer::Consumer::start(settings, name, taken, metrics)?;
                Ok((DeadLetters(Engine::RabbitMq(consumer)), deliveries))
            }
            Self::Sqlite(embedded) => {
                follow(embedded, metrics.consumer_up.clone());
                let (consumer, deliveries) =
                    sqlite::consumer::Consumer::of_dead_letters(embedded, prefetch);
                Ok((DeadLetters(Engine::Sqlite(consumer, Arc::clone(embedded))), deliveries))
            }
        }
    }
}

impl DeadLetters {
    /// Whether deliveries can come in now.
    pub fn link(&self) -> Link {
        match &self.0 {
            Engine::RabbitMq(consumer) => consumer.link(),
            Engine::Sqlite(_, embedded) => embedded.link(),
        }
    }

    /// Waits until deliveries can come in, and tells how many there are to come: those that were
    /// ready when the queues were last opened.
    pub async fn ready(&self) -> anyhow::Result<u64> {
        match &self.0 {
            Engine::RabbitMq(consumer) => Ok(consumer.ready().await),
            Engine::Sqlite(_, embedded) => Ok(embedded.backlog().await?.dead),
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
