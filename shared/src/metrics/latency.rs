//! Histograms of how long things take.

use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds, in seconds, for things that take from half a millisecond to a minute.
pub const LATENCY_BUCKETS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// A histogram over [`LATENCY_BUCKETS`].
#[must_use]
pub fn latency() -> Histogram {
    Histogram::new(LATENCY_BUCKETS)
}
