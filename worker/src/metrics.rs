//! What a worker measures, a file for each thing that is measured.
//!
//! Owns names and label sets, which are closed: handlers are those registered, and a portal is a label
//! only where the operator turned that on. Knows nobody who counts: what they count comes as texts and
//! numbers, or as labels of its own.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use shared::message::DeathReason;
use shared::origin::Origin;

use crate::service::Service;

mod apis;
mod delays;
mod deliveries;
mod ledger;
mod oauth;
mod orders;
mod rooms;
mod tenants;
#[cfg(test)]
mod tests;

pub(crate) use apis::ApiStatus;
use apis::Apis;
use delays::Delays;
pub(crate) use deliveries::Counts;
use deliveries::Deliveries;
use ledger::LedgerMetrics;
pub(crate) use ledger::{Forgotten, Operation};
pub(crate) use oauth::{OauthMetrics, RefreshOutcome};
pub(crate) use orders::OrderTurn;
use orders::Orders;
use rooms::Rooms;
pub(crate) use tenants::TenantMetrics;

/// A worker's metrics.
#[derive(Clone, Debug)]
pub struct WorkerMetrics {
    deliveries: Deliveries,
    delays: Delays,
    ledger: LedgerMetrics,
    apis: Apis,
    rooms: Rooms,
    orders: Orders,
    /// Deliveries being worked on.
    pub(crate) in_flight: Gauge,
    requeues: Counter,
    unknown_tenant: Counter,
}

impl WorkerMetrics {
    /// New metrics, registered; with a counter per portal if `by_portal`.
    pub fn register(registry: &mut Registry, by_portal: bool) -> Self {
        let deliveries = Deliveries::register(registry, by_portal);
        let delays = Delays::register(registry);
        let ledger = LedgerMetrics::register(registry);
        let apis = Apis::register(registry);
        let rooms = Rooms::register(registry);
        let orders = Orders::register(registry);
        let in_flight = Gauge::default();
        registry.register("in_flight", "Deliveries being worked on", in_flight.clone());
        let requeues = Counter::default();
        registry.register(
            "requeues",
            "Deliveries given back to their queue because the worker stopped",
            requeues.clone(),
        );
        let unknown_tenant = Counter::default();
        registry.register(
            "unknown_tenant_events",
            "Events of origins that are no tenant's, where there are tenants",
            unknown_tenant.clone(),
        );
        Self {
            deliveries,
            delays,
            ledger,
            apis,
            rooms,
            orders,
            in_flight,
            requeues,
            unknown_tenant,
        }
    }

    /// Makes all that can be counted of these handlers be there, so that the first of each is seen as
    /// an increase.
    pub(crate) fn expect(
        &self,
        handlers: impl Iterator<Item = Arc<str>>,
        verdicts: &[&'static str],
    ) {
        self.deliveries.expect(handlers, verdicts);
    }

    /// A handler is no longer there, and what is counted of it goes: else there would be more and more.
    pub(crate) fn forget(&self, handler: &Arc<str>, verdicts: &[&'static str]) {
        self.deliveries.forget(handler, verdicts);
    }

    pub(crate) fn started(&self, origin: &Origin, queue_time: Duration) {
        self.deliveries.started(origin, queue_time);
    }

    /// What is counted of the runs of a handler, which end in one of `verdicts`.
    pub(crate) fn of(&self, handler: &Arc<str>, verdicts: &[&'static str]) -> Counts {
        self.deliveries.of(handler, verdicts)
    }

    /// Counts what was no handler's.
    pub(crate) fn delivery(&self, handler: &Arc<str>, verdict: &'static str) {
        self.deliveries.ended(handler, verdict);
    }

    pub(crate) fn died(&self, handler: &Arc<str>, reason: DeathReason) {
        self.deliveries.died(handler, reason);
    }

    /// An event was no tenant's.
    pub(crate) fn unknown_tenant(&self) {
        self.unknown_tenant.inc();
    }

    pub(crate) fn requeued(&self, deliveries: u64) {
        self.requeues.inc_by(deliveries);
    }

    /// Makes all that can be counted of the queues of these delays be there.
    pub(crate) fn expect_delays(&self, delays: impl IntoIterator<Item = Duration>) {
        self.delays.expect(delays);
    }

    pub(crate) fn delayed(&self, delay: Duration) {
        self.delays.delayed(delay);
    }

    pub(crate) fn hopped(&self, delay: Duration) {
        self.delays.hopped(delay);
    }

    pub(crate) fn ledger_call(&self, operation: Operation, is_answered: bool, elapsed: Duration) {
        self.ledger.call(operation, is_answered, elapsed);
    }

    pub(crate) fn ledger_forgot(&self, what: Forgotten) {
        self.ledger.forgot(what);
    }

    /// Makes all that can be counted of a system that is called be there.
    pub(crate) fn expect_calls(&self, api: Service) {
        self.apis.expect(api);
    }

    /// Counts one call to `api`.
    pub(crate) fn api_call(&self, api: Service, status: ApiStatus, elapsed: Duration) {
        self.apis.call(api, status, elapsed);
    }

    /// So many events go out to a destination in one request.
    pub(crate) fn destination_batch(&self, events: usize) {
        self.apis.batch(events);
    }

    /// Whether the service's token is paused.
    pub(crate) fn credential_paused(&self, service: Service, is_paused: bool) {
        self.apis.paused(service, is_paused);
    }

    /// What an event was told that came to the line of its record.
    pub(crate) fn order_turn(&self, turn: OrderTurn) {
        self.orders.told(turn);
    }

    pub(crate) fn room_asked(&self, is_granted: bool) {
        self.rooms.asked_for(is_granted);
    }
}
