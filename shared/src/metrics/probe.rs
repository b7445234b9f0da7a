//! Gauges whose values are found out at the moment they are asked for.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// Registers `hubline_<name>`, a gauge whose value `ask` gives each time metrics are read. It must
/// not block.
pub fn probe(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    ask: impl Fn() -> f64 + Send + Sync + 'static,
) {
    let write = move |mut metric: MetricEncoder<'_>| metric.encode_gauge(&ask());
    registry.register_collector(Box::new(Probe { name, help, write }));
}

/// The same with a value for every set of labels there is.
pub fn probe_by<L: EncodeLabelSet + 'static>(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    ask: impl Fn() -> Vec<(L, f64)> + Send + Sync + 'static,
) {
    let write = move |mut metric: MetricEncoder<'_>| {
        ask()
            .iter()
            .try_for_each(|(labels, value)| metric.encode_family(labels)?.encode_gauge(value))
    };
    registry.register_collector(Box::new(Probe { name, help, write }));
}

struct Probe<W> {
    name: &'static str,
    help: &'static str,
    write: W,
}

impl<W> fmt::Debug for Probe<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Probe").field(&self.name).finish()
    }
}

impl<W> Collector for Probe<W>
where
    W: Fn(MetricEncoder<'_>) -> fmt::Result + Send + Sync + 'static,
{
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        (self.write)(encoder.encode_descriptor(self.name, self.help, None, MetricType::Gauge)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_moment() {
        let mut registry = Registry::with_prefix("hubline");
        probe(&mut registry, "depth", "How deep", || 1.5);
        probe_by(&mut registry, "ages", "How old", || vec![([("place", "a")], 2.0)]);
        let text = crate::metrics::encode(&registry);
        assert!(text.contains("# TYPE hubline_depth gauge\nhubline_depth 1.5\n"), "{text}");
        assert!(text.contains("hubline_ages{place=\"a\"} 2.0\n"), "{text}");
    }
}
