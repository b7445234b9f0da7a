//! What both programs measure of their broker, and the text Prometheus reads.

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::broker::Destination;

mod label;
mod probe;

pub use label::{label, label_value};
pub use probe::{probe, probe_by};

/// Upper bounds, in seconds, for things that take from half a millisecond to a minute.
pub const LATENCY_BUCKETS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// A registry whose metrics all begin with `hubline_`, with which `program` is running (`receiver`,
/// `worker`, `console`, `standalone`) and its version.
#[must_use]
pub fn registry(program: &'static str) -> Registry {
    let mut registry = Registry::with_prefix("hubline");
    let build = Info::new([("program", program), ("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "Which program is running, and its version", build);
    registry
}

/// The registry in the OpenMetrics text format.
pub fn encode(registry: &Registry) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = text::encode(&mut text, registry);
    text
}

/// A histogram over [`LATENCY_BUCKETS`].
#[must_use]
pub fn latency() -> Histogram {
    Histogram::new(LATENCY_BUCKETS)
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
