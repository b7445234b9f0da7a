//! What is measured: the text that Prometheus reads, and what both programs measure of their broker.

use prometheus_client::encoding::text;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

mod broker;
mod label;
mod latency;
mod probe;

pub use broker::{BrokerMetrics, Destination, PublishLabels, PublishResult};
pub use label::{label, label_value};
pub use latency::{LATENCY_BUCKETS, latency};
pub use probe::{probe, probe_by};

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
