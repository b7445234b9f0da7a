//! What is measured of the data file.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::metrics::latency;

#[derive(Clone, Debug)]
pub(super) struct StoreMetrics {
    pub(super) commit_seconds: Histogram,
    pub(super) writes: Counter,
    pub(super) failures: Counter,
    pub(super) up: Gauge,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        let up = Gauge::default();
        up.set(1);
        let (writes, failures) = (Counter::default(), Counter::default());
        Self { commit_seconds: latency(), writes, failures, up }
    }
}

impl StoreMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "store_commit_seconds",
            "Time of a transaction of the data file that syncs the disk",
            self.commit_seconds.clone(),
        );
        registry.register(
            "store_writes",
            "Writes that were committed; many share a transaction",
            self.writes.clone(),
        );
        registry.register(
            "store_failures",
            "Transactions, and single writes, that the data file did not take",
            self.failures.clone(),
        );
        registry.register("store_up", "1 while the data file takes writes", self.up.clone());
    }
}
