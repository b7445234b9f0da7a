//! What a worker measures.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use shared::message::DeathReason;
use shared::metrics::latency;

use crate::verdict::VERDICTS;

/// Upper bounds, in seconds, for the time from receipt to the start of work: from milliseconds
/// to the end of the retry schedule.
const QUEUE_TIME_BUCKETS: [f64; 14] = [
    0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 21_600.0, 86_400.0,
    259_200.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerdictLabels {
    handler: &'static str,
    verdict: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HandlerLabels {
    handler: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DelayLabels {
    delay: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DeathLabels {
    handler: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LedgerLabels {
    operation: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ApiLabels {
    api: &'static str,
    status: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ApiName {
    api: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BudgetLabels {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PortalLabels {
    portal: u64,
}

/// A worker's metrics. Label sets are closed: handlers are those registered, and a portal is a
/// label only where the operator turned that on.
#[derive(Clone, Debug)]
pub struct WorkerMetrics {
    deliveries: Family<VerdictLabels, Counter>,
    handler_seconds: Family<HandlerLabels, Histogram>,
    queue_seconds: Histogram,
    retries: Family<DelayLabels, Counter>,
    dead_letters: Family<DeathLabels, Counter>,
    ledger_calls: Family<LedgerLabels, Counter>,
    ledger_seconds: Histogram,
    api_calls: Family<ApiLabels, Counter>,
    api_seconds: Family<ApiName, Histogram>,
    budget_requests: Family<BudgetLabels, Counter>,
    portal_events: Option<Family<PortalLabels, Counter>>,
    /// Deliveries being worked on.
    pub(crate) in_flight: Gauge,
}

impl WorkerMetrics {
    /// New metrics, registered; with a counter per portal if `by_portal`.
    pub fn register(registry: &mut Registry, by_portal: bool) -> Self {
        let metrics = Self {
            deliveries: Family::default(),
            handler_seconds: Family::new_with_constructor(latency),
            queue_seconds: Histogram::new(QUEUE_TIME_BUCKETS),
            retries: Family::default(),
            dead_letters: Family::default(),
            ledger_calls: Family::default(),
            ledger_seconds: latency(),
            api_calls: Family::default(),
            api_seconds: Family::new_with_constructor(latency),
            budget_requests: Family::default(),
            portal_events: by_portal.then(Family::default),
            in_flight: Gauge::default(),
        };
        registry.register(
            "deliveries",
            "Runs by handler and verdict; `none` where no handler was run",
            metrics.deliveries.clone(),
        );
        registry.register(
            "handler_seconds",
            "Duration of handlers' runs",
            metrics.handler_seconds.clone(),
        );
        registry.register(
            "queue_seconds",
            "Time from receipt to the start of a run",
            metrics.queue_seconds.clone(),
        );
        registry.register(
            "retries",
            "Messages sent to wait, by the delay's queue",
            metrics.retries.clone(),
        );
        registry.register(
            "dead_letters",
            "Events given up, by handler and reason",
            metrics.dead_letters.clone(),
        );
        registry.register(
            "ledger_calls",
            "Calls to the ledger, by operation and result",
            metrics.ledger_calls.clone(),
        );
        registry.register(
            "ledger_seconds",
            "Duration of calls to the ledger",
            metrics.ledger_seconds.clone(),
        );
        registry.register(
            "api_calls",
            "Calls to other systems' APIs, by class of status",
            metrics.api_calls.clone(),
        );
        registry.register(
            "api_seconds",
            "Duration of calls to other systems' APIs",
            metrics.api_seconds.clone(),
        );
        registry.register(
            "budget_requests",
            "Requests to HubSpot's API that asked for room in their portal's budget",
            metrics.budget_requests.clone(),
        );
        for result in ["granted", "spent"] {
            let _ = metrics.budget_requests.get_or_create(&BudgetLabels { result });
        }
        registry.register("in_flight", "Deliveries being worked on", metrics.in_flight.clone());
        if let Some(portal_events) = &metrics.portal_events {
            registry.register("portal_events", "Runs by portal", portal_events.clone());
        }
        metrics
    }

    /// Makes all that can be counted of these handlers be there, so that the first of each is seen as
    /// an increase.
    pub(crate) fn expect(&self, handlers: impl Iterator<Item = &'static str>) {
        for handler in handlers {
            for verdict in VERDICTS {
                let _ = self.deliveries.get_or_create(&VerdictLabels { handler, verdict });
            }
            for reason in DeathReason::ALL.map(DeathReason::as_str) {
                let _ = self.dead_letters.get_or_create(&DeathLabels { handler, reason });
            }
        }
    }

    pub(crate) fn budget_asked(&self, is_granted: bool) {
        let result = if is_granted { "granted" } else { "spent" };
        self.budget_requests.get_or_create(&BudgetLabels { result }).inc();
    }

    pub(crate) fn delivery(&self, handler: &'static str, verdict: &'static str) {
        let labels = VerdictLabels { handler, verdict };
        self.deliveries.get_or_create(&labels).inc();
    }

    pub(crate) fn started(&self, portal_id: u64, queue_time: Duration) {
        self.queue_seconds.observe(queue_time.as_secs_f64());
        if let Some(portals) = &self.portal_events {
            portals.get_or_create(&PortalLabels { portal: portal_id }).inc();
        }
    }

    pub(crate) fn handled(&self, handler: &'static str, duration: Duration) {
        let labels = HandlerLabels { handler };
        self.handler_seconds.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    pub(crate) fn delayed(&self, delay: Duration) {
        let delay = shared::retry::delay_name(delay);
        self.retries.get_or_create(&DelayLabels { delay }).inc();
    }

    pub(crate) fn died(&self, handler: &'static str, reason: &'static str) {
        let labels = DeathLabels { handler, reason };
        self.dead_letters.get_or_create(&labels).inc();
    }

    pub(crate) fn ledger_call(
        &self,
        operation: &'static str,
        result: &'static str,
        elapsed: Duration,
    ) {
        self.ledger_calls.get_or_create(&LedgerLabels { operation, result }).inc();
        self.ledger_seconds.observe(elapsed.as_secs_f64());
    }

    /// Counts one call to `api` that ended with `status` (`2xx`, `429`, `5xx`, `timeout`, …).
    pub(crate) fn api_call(&self, api: &'static str, status: &str, elapsed: Duration) {
        self.api_calls.get_or_create(&ApiLabels { api, status: status.to_owned() }).inc();
        self.api_seconds.get_or_create(&ApiName { api }).observe(elapsed.as_secs_f64());
    }
}
