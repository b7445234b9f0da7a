//! What a worker measures.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use shared::message::DeathReason;
use shared::metrics::{label, latency};
use shared::retry::delay_name;

use crate::limits::Room;
use crate::verdict::Verdict;

/// Upper bounds, in seconds, for the time from receipt to the start of work: from milliseconds
/// to the end of the retry schedule.
const QUEUE_TIME_BUCKETS: [f64; 14] = [
    0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 21_600.0, 86_400.0,
    259_200.0,
];

label! {
    /// A call to the ledger.
    pub(crate) enum Operation {
        Claim = "claim",
        Extend = "extend",
        Step = "step",
        Complete = "complete",
        Release = "release",
        Restore = "restore",
        Budget = "budget",
        Pause = "pause",
        Gate = "gate",
        Look = "look",
        Delayed = "delayed",
    }
}

label! {
    /// How a call to the ledger ended.
    pub(crate) enum LedgerResult {
        Ok = "ok",
        Unavailable = "unavailable",
    }
}

label! {
    /// What a ledger's server had confirmed and then did not know: an entry that its owner has written
    /// anew, what scripts had written (completions and steps), or everything.
    pub(crate) enum Forgotten {
        Entry = "entry",
        Scripts = "scripts",
        Everything = "everything",
    }
}

label! {
    /// A system that is called.
    pub(crate) enum Service {
        HubSpot = "hubspot",
        Slack = "slack",
        Erp = "erp",
        Onboarding = "onboarding",
    }
}

label! {
    /// How a call to another system's API ended: by class of status, or without an answer.
    pub(crate) enum ApiStatus {
        Success = "2xx",
        Redirect = "3xx",
        Refused = "4xx",
        TooMany = "429",
        Failed = "5xx",
        Timeout = "timeout",
        Unreachable = "unreachable",
    }
}

label! {
    /// What a budget answered.
    pub(crate) enum BudgetResult {
        Granted = "granted",
        Spent = "spent",
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerdictLabels {
    handler: &'static str,
    verdict: Verdict,
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
    reason: DeathReason,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LedgerLabels {
    operation: Operation,
    result: LedgerResult,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ForgottenLabels {
    what: Forgotten,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ApiLabels {
    api: Service,
    status: ApiStatus,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ApiName {
    api: Service,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServiceName {
    service: Service,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BudgetLabels {
    result: BudgetResult,
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
    delay_hops: Family<DelayLabels, Counter>,
    dead_letters: Family<DeathLabels, Counter>,
    ledger_calls: Family<LedgerLabels, Counter>,
    ledger_seconds: Histogram,
    ledger_forgotten: Family<ForgottenLabels, Counter>,
    api_calls: Family<ApiLabels, Counter>,
    api_seconds: Family<ApiName, Histogram>,
    budget_requests: Family<BudgetLabels, Counter>,
    credential_paused: Family<ServiceName, Gauge>,
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
            delay_hops: Family::default(),
            dead_letters: Family::default(),
            ledger_calls: Family::default(),
            ledger_seconds: latency(),
            ledger_forgotten: Family::default(),
            api_calls: Family::default(),
            api_seconds: Family::new_with_constructor(latency),
            budget_requests: Family::default(),
            credential_paused: Family::default(),
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
            "Messages sent to wait, by the delay of the queue that is first",
            metrics.retries.clone(),
        );
        registry.register(
            "delay_hops",
            "Messages sent on before their wait was over, by the delay of the next queue",
            metrics.delay_hops.clone(),
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
            "ledger_forgotten",
            "Times that Redis was found to have forgotten what it had confirmed: an entry (which its owner has written anew), what scripts write (completions, steps), or everything",
            metrics.ledger_forgotten.clone(),
        );
        for what in Forgotten::ALL {
            let _ = metrics.ledger_forgotten.get_or_create(&ForgottenLabels { what });
        }
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
            "Requests that asked for room at a limit, such as HubSpot's for a portal or a channel's pace",
            metrics.budget_requests.clone(),
        );
        registry.register(
            "credential_paused",
            "1 while a service refuses its token, and what needs it waits",
            metrics.credential_paused.clone(),
        );
        // There from the start, so that the first of each is seen as an increase.
        for result in BudgetResult::ALL {
            let _ = metrics.budget_requests.get_or_create(&BudgetLabels { result });
        }
        for operation in Operation::ALL {
            for result in LedgerResult::ALL {
                let _ = metrics.ledger_calls.get_or_create(&LedgerLabels { operation, result });
            }
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
            for verdict in Verdict::ALL {
                let _ = self.deliveries.get_or_create(&VerdictLabels { handler, verdict });
            }
            for reason in DeathReason::ALL {
                let _ = self.dead_letters.get_or_create(&DeathLabels { handler, reason });
            }
        }
    }

    /// The same for the queues of these delays.
    pub(crate) fn expect_delays(&self, delays: impl IntoIterator<Item = Duration>) {
        for delay in delays {
            let labels = DelayLabels { delay: delay_name(delay) };
            let _ = self.retries.get_or_create(&labels);
            let _ = self.delay_hops.get_or_create(&labels);
        }
    }

    /// The same for a system that is called.
    pub(crate) fn expect_calls(&self, api: Service) {
        for status in ApiStatus::ALL {
            let _ = self.api_calls.get_or_create(&ApiLabels { api, status });
        }
    }

    /// Whether the service's token is paused.
    pub(crate) fn credential_paused(&self, service: Service, is_paused: bool) {
        let gauge = self.credential_paused.get_or_create(&ServiceName { service });
        gauge.set(i64::from(is_paused));
    }

    pub(crate) fn ledger_forgot(&self, what: Forgotten) {
        self.ledger_forgotten.get_or_create(&ForgottenLabels { what }).inc();
    }

    pub(crate) fn room_asked(&self, room: Room) {
        let result = match room {
            Room::Granted => BudgetResult::Granted,
            Room::Soon(_) | Room::Place(_) => BudgetResult::Spent,
        };
        self.budget_requests.get_or_create(&BudgetLabels { result }).inc();
    }

    pub(crate) fn delivery(&self, handler: &'static str, verdict: Verdict) {
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
        self.retries.get_or_create(&DelayLabels { delay: delay_name(delay) }).inc();
    }

    pub(crate) fn hopped(&self, delay: Duration) {
        self.delay_hops.get_or_create(&DelayLabels { delay: delay_name(delay) }).inc();
    }

    pub(crate) fn died(&self, handler: &'static str, reason: DeathReason) {
        let labels = DeathLabels { handler, reason };
        self.dead_letters.get_or_create(&labels).inc();
    }

    pub(crate) fn ledger_call(&self, operation: Operation, is_answered: bool, elapsed: Duration) {
        let result = if is_answered { LedgerResult::Ok } else { LedgerResult::Unavailable };
        self.ledger_calls.get_or_create(&LedgerLabels { operation, result }).inc();
        self.ledger_seconds.observe(elapsed.as_secs_f64());
    }

    /// Counts one call to `api`.
    pub(crate) fn api_call(&self, api: Service, status: ApiStatus, elapsed: Duration) {
        self.api_calls.get_or_create(&ApiLabels { api, status }).inc();
        self.api_seconds.get_or_create(&ApiName { api }).observe(elapsed.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::collections::BTreeSet;

    use shared::metrics::{BrokerMetrics, PublishResult, encode, registry};
    use shared::{broker::Destination, retry::RetrySchedule};

    use super::*;

    /// The label sets of a counter, in a registry that nothing has happened in.
    fn there(text: &str, counter: &str) -> BTreeSet<String> {
        let begins = format!("{counter}{{");
        let labels = text.lines().filter_map(|line| line.strip_prefix(&begins));
        labels.filter_map(|rest| rest.strip_suffix("} 0")).map(str::to_owned).collect()
    }

    /// Every pair of two labels' values.
    fn pairs(one: &str, first: &[&str], other: &str, second: &[&str]) -> BTreeSet<String> {
        let with = |value: &&str| {
            let value = (*value).to_owned();
            second.iter().map(move |another| format!("{one}=\"{value}\",{other}=\"{another}\""))
        };
        first.iter().flat_map(with).collect()
    }

    #[test]
    fn every_counter_is_there_from_the_start_with_every_label() {
        let mut registry = registry("worker");
        let metrics = WorkerMetrics::register(&mut registry, false);
        BrokerMetrics::register(&mut registry);
        let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
        let schedule = RetrySchedule::new(hour, 5.0, day, 4).unwrap();
        metrics.expect(["on_deal_created", "none"].into_iter());
        metrics.expect_delays(schedule.ladder().delays());
        for service in Service::ALL {
            metrics.expect_calls(service);
        }
        let text = encode(&registry);

        let handlers = ["on_deal_created", "none"];
        let services = Service::ALL.map(Service::as_str);
        for (counter, expected) in [
            (
                "hubline_deliveries_total",
                pairs("handler", &handlers, "verdict", &Verdict::ALL.map(Verdict::as_str)),
            ),
            (
                "hubline_dead_letters_total",
                pairs("handler", &handlers, "reason", &DeathReason::ALL.map(DeathReason::as_str)),
            ),
            (
                "hubline_ledger_calls_total",
                pairs(
                    "operation",
                    &Operation::ALL.map(Operation::as_str),
                    "result",
                    &LedgerResult::ALL.map(LedgerResult::as_str),
                ),
            ),
            (
                "hubline_api_calls_total",
                pairs("api", &services, "status", &ApiStatus::ALL.map(ApiStatus::as_str)),
            ),
            (
                "hubline_publishes_total",
                pairs(
                    "route",
                    &Destination::ALL.map(Destination::as_str),
                    "result",
                    &PublishResult::ALL.map(PublishResult::as_str),
                ),
            ),
            (
                "hubline_budget_requests_total",
                BudgetResult::ALL.map(|result| format!("result=\"{}\"", result.as_str())).into(),
            ),
            (
                "hubline_retries_total",
                ["1h", "5h", "1day"].map(|delay| format!("delay=\"{delay}\"")).into(),
            ),
            (
                "hubline_delay_hops_total",
                ["1h", "5h", "1day"].map(|delay| format!("delay=\"{delay}\"")).into(),
            ),
        ] {
            assert_eq!(there(&text, counter), expected, "{counter}");
        }
    }
}
