//! What a worker measures, a file for each thing that is measured.
//!
//! Owns names and label sets, which are closed: handlers are those registered, and a portal is a label
//! only where the operator turned that on. Knows nobody who counts: what they count comes as texts and
//! numbers, or as labels of its own.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

mod apis;
mod delays;
mod deliveries;
mod ledger;
mod rooms;
#[cfg(test)]
mod tests;

pub(crate) use apis::ApiStatus;
use apis::Apis;
use delays::Delays;
use deliveries::Deliveries;
use ledger::LedgerMetrics;
pub(crate) use ledger::{Forgotten, Operation};
use rooms::Rooms;

/// A worker's metrics.
#[derive(Clone, Debug)]
pub struct WorkerMetrics {
    deliveries: Deliveries,
    delays: Delays,
    ledger: LedgerMetrics,
    apis: Apis,
    rooms: Rooms,
    /// Deliveries being worked on.
    pub(crate) in_flight: Gauge,
    requeues: Counter,
}

impl WorkerMetrics {
    /// New metrics, registered; with a counter per portal if `by_portal`.
    pub fn register(registry: &mut Registry, by_portal: bool) -> Self {
        let deliveries = Deliveries::register(registry, by_portal);
        let delays = Delays::register(registry);
        let ledger = LedgerMetrics::register(registry);
        let apis = Apis::register(registry);
        let rooms = Rooms::register(registry);
        let in_flight = Gauge::default();
        registry.register("in_flight", "Deliveries being worked on", in_flight.clone());
        let requeues = Counter::default();
        registry.register(
            "requeues",
            "Deliveries given back to their queue because the worker stopped",
            requeues.clone(),
        );
        Self { deliveries, delays, ledger, apis, rooms, in_flight, requeues }
    }

    pub(crate) fn requeued(&self, deliveries: u64) {
        self.requeues.inc_by(deliveries);
    }
}
