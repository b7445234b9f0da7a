//! Publishing, whatever the engine: a batch counts only when all of it is durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::engine::Broker;
use super::lane::Lane;
use super::publication::{Publication, PublishError};
use super::rabbitmq;
use super::sqlite::depth::Depth;
use super::sqlite::embedded::Embedded;
use crate::link::Link;
use crate::metrics::{BrokerMetrics, Destination, PublishResult};
use crate::trace::{Description, KeyValue, Span, SpanKind, number};

/// How long the end of a connection is waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How a publisher is set up.
#[derive(Clone, Debug)]
pub struct PublisherOptions {
    /// Shown in RabbitMQ's own tools, e.g. `hubline receiver`.
    pub name: String,
    /// The lane of which it is watched how many messages wait in its queues
    /// ([`Publisher::depth`]), if any.
    pub watch_depth: Option<Lane>,
}

/// Publishes batches durably, until dropped.
#[derive(Debug)]
pub struct Publisher {
    engine: Engine,
    metrics: BrokerMetrics,
}

#[derive(Debug)]
enum Engine {
    RabbitMq(rabbitmq::publisher::Publisher),
    Sqlite(Arc<Embedded>, Option<Arc<Depth>>),
}

impl Broker {
    /// A publisher. Connecting goes on in the background; until that succeeds every publish is
    /// [`PublishError::Unavailable`]. Must be called on a multi-thread runtime.
    pub fn publisher(
        &self,
        options: PublisherOptions,
        metrics: BrokerMetrics,
    ) -> anyhow::Result<Publisher> {
        let engine = match self {
            Self::RabbitMq { settings, topology } => {
                Engine::RabbitMq(rabbitmq::publisher::Publisher::start(
                    settings,
                    topology.clone(),
                    options.name,
                    options.watch_depth,
                    metrics.clone(),
                )?)
            }
            Self::Sqlite(embedded) => {
                embedded.follow(metrics.publisher_up.clone());
                let depth = options.watch_depth.map(|lane| Depth::watch(embedded, lane));
                Engine::Sqlite(Arc::clone(embedded), depth)
            }
        };
        Ok(Publisher { engine, metrics })
    }
}

impl Publisher {
    /// Another publisher on the same connection, with a channel of its own served by the
    /// runtime this is called on: where each thread has a runtime of its own, publishing from
    /// it then crosses to no other on the way to the connection.
    #[must_use]
    pub fn here(&self) -> Self {
        let engine = match &self.engine {
            Engine::RabbitMq(publisher) => Engine::RabbitMq(publisher.here()),
            Engine::Sqlite(embedded, depth) => Engine::Sqlite(Arc::clone(embedded), depth.clone()),
        };
        Self { engine, metrics: self.metrics.clone() }
    }

    /// Publishes `batch` and waits until every message of it is durable, but not past
    /// `deadline`. An empty batch is so at once. In traces it is part of the current span.
    pub async fn publish(
        &self,
        batch: Vec<Publication>,
        deadline: Instant,
    ) -> Result<(), PublishError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut counts = BTreeMap::new();
        for publication in &batch {
            *counts.entry(publication.route.destination()).or_default() += 1;
        }
        let started = Instant::now();
        let span = Span::current().child(SpanKind::Producer, || self.describe(&counts, &batch));
        let sending = async {
            match &self.engine {
                Engine::RabbitMq(publisher) => publisher.send(batch, deadline).await,
                Engine::Sqlite(embedded, _) => embedded.publish(batch).await,
            }
        };
        let result = timeout_at(deadline, sending).await.unwrap_or(Err(PublishError::TimedOut));
        let label = match result {
            Ok(()) => PublishResult::Confirmed,
            Err(PublishError::Refused) => PublishResult::Refused,
            Err(PublishError::TimedOut) => PublishResult::TimedOut,
            Err(_) => PublishResult::Failed,
        };
        for (route, count) in counts {
            self.metrics.published(route, label, count);
        }
        if result.is_ok() {
            self.metrics.confirm_seconds.observe(started.elapsed().as_secs_f64());
        }
        if let Err(error) = result {
            span.fail(error.as_str());
        }
        span.end();
        result
    }

    /// As OpenTelemetry names what is published; destinations are those of the metrics.
    fn describe(&self, counts: &BTreeMap<Destination, u64>, batch: &[Publication]) -> Description {
        let mut attributes = vec![
            KeyValue::new("messaging.system", self.system()),
            KeyValue::new("messaging.operation.name", "publish"),
            KeyValue::new("messaging.operation.type", "send"),
            number("messaging.batch.message_count", batch.len()),
        ];
        if let [publication] = batch {
            let id = publication.message.event.identity.to_string();
            attributes.push(KeyValue::new("messaging.message.id", id));
        }
        let mut destinations = counts.keys();
        let (Some(destination), None) = (destinations.next(), destinations.next()) else {
            return ("publish".into(), attributes);
        };
        let destination = destination.as_str();
        attributes.push(KeyValue::new("messaging.destination.name", destination));
        (format!("publish {destination}").into(), attributes)
    }

    /// What carries the messages, as OpenTelemetry names it.
    pub fn system(&self) -> &'static str {
        match &self.engine {
            Engine::RabbitMq(_) => "rabbitmq",
            Engine::Sqlite(..) => "sqlite",
        }
    }

    /// Whether messages can be published now.
    pub fn link(&self) -> Link {
        match &self.engine {
            Engine::RabbitMq(publisher) => publisher.link(),
            Engine::Sqlite(embedded, _) => embedded.link(),
        }
    }

    /// Resolves once the connection is closed by name, which it is after the last publisher on it was dropped; with
    /// a broker that does not answer some seconds later, and no later than it says here. A process that ends before
    /// has the connection's failure in its log.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let closed = match &self.engine {
            Engine::RabbitMq(publisher) => Some(publisher.closed()),
            Engine::Sqlite(..) => None,
        };
        async move {
            if let Some(closed) = closed {
                let _ = timeout(CLOSE_TIMEOUT, closed).await;
            }
        }
    }

    /// Waits until messages can be published.
    pub async fn ready(&self) {
        match &self.engine {
            Engine::RabbitMq(publisher) => publisher.ready().await,
            Engine::Sqlite(embedded, _) => embedded.store().back().await,
        }
    }

    /// Messages ready in all queues of the watched lane together, as of the last second; `None` if
    /// unknown.
    pub fn depth(&self) -> Option<u64> {
        match &self.engine {
            Engine::RabbitMq(publisher) => publisher.depth(),
            Engine::Sqlite(_, depth) => depth.as_ref().and_then(|depth| depth.now()),
        }
    }
}
