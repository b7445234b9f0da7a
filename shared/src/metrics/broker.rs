//! What both programs measure of their broker. Where each thing is counted is the broker's business.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::label::label;
use super::latency::latency;

label! {
    /// A route as metrics and traces name it.
    pub enum Destination {
        /// The work queues.
        Work = "work",
        /// The bulk queue.
        Bulk = "bulk",
        /// The retry queues, whichever delay and lane.
        Retry = "retry",
        /// The dead letters.
        Dead = "dead",
    }
}

label! {
    /// How a publish ended.
    pub enum PublishResult {
        /// All of it is durable.
        Confirmed = "confirmed",
        /// The broker said no.
        Refused = "refused",
        /// No confirm came in time.
        TimedOut = "timed_out",
        /// It could not be sent, or the connection was lost.
        Failed = "failed",
    }
}

/// Where a publish went and how it ended.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct PublishLabels {
    /// Where to.
    pub route: Destination,
    /// How it ended.
    pub result: PublishResult,
}

/// What is measured of the broker.
#[derive(Clone, Debug)]
pub struct BrokerMetrics {
    /// Messages by route and result.
    pub publishes: Family<PublishLabels, Counter>,
    /// From handing a batch to a channel to its last confirm.
    pub confirm_seconds: Histogram,
    /// 1 while the publishing connection is up and not blocked.
    pub publisher_up: Gauge,
    /// 1 while the broker blocks the publishing connection (a memory or disk alarm).
    pub publisher_blocked: Gauge,
    /// 1 while the consuming connection is up.
    pub consumer_up: Gauge,
    /// Connections lost or refused.
    pub connection_failures: Counter,
}

impl BrokerMetrics {
    /// New metrics, registered.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            publishes: Family::default(),
            confirm_seconds: latency(),
            publisher_up: Gauge::default(),
            publisher_blocked: Gauge::default(),
            consumer_up: Gauge::default(),
            connection_failures: Counter::default(),
        };
        registry.register(
            "publishes",
            "Messages handed to the broker, by route and result",
            metrics.publishes.clone(),
        );
        registry.register(
            "confirm_seconds",
            "Time from handing a batch to the broker to its last confirm",
            metrics.confirm_seconds.clone(),
        );
        registry.register(
            "publisher_up",
            "1 while the publishing connection can take messages",
            metrics.publisher_up.clone(),
        );
        registry.register(
            "publisher_blocked",
            "1 while the broker blocks the publishing connection",
            metrics.publisher_blocked.clone(),
        );
        registry.register(
            "consumer_up",
            "1 while the consuming connection is up",
            metrics.consumer_up.clone(),
        );
        registry.register(
            "broker_connection_failures",
            "Broker connections lost or refused",
            metrics.connection_failures.clone(),
        );
        // There from the start, so that the first of each is seen as an increase.
        for route in Destination::ALL {
            for result in PublishResult::ALL {
                metrics.published(route, result, 0);
            }
        }
        metrics
    }

    /// Counts `count` messages published to `route` with `result`.
    pub fn published(&self, route: Destination, result: PublishResult, count: u64) {
        self.publishes.get_or_create(&PublishLabels { route, result }).inc_by(count);
    }
}
