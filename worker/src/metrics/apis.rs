//! Calls to other systems' APIs.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use shared::metrics::{label, latency};

use crate::service::Service;

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

#[derive(Clone, Debug)]
pub(super) struct Apis {
    calls: Family<ApiLabels, Counter>,
    seconds: Family<ApiName, Histogram>,
    paused: Family<ServiceName, Gauge>,
    batches: Histogram,
}

/// Events in a batch.
const BATCHES: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

impl Apis {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            calls: Family::default(),
            seconds: Family::new_with_constructor(latency),
            paused: Family::default(),
            batches: Histogram::new(BATCHES),
        };
        registry.register(
            "api_calls",
            "Calls to other systems' APIs, by class of status",
            metrics.calls.clone(),
        );
        registry.register(
            "api_seconds",
            "Duration of calls to other systems' APIs",
            metrics.seconds.clone(),
        );
        registry.register(
            "credential_paused",
            "1 while a service refuses its token, and what needs it waits",
            metrics.paused.clone(),
        );
        registry.register(
            "destination_batch_size",
            "Events in one request to a destination that takes batches",
            metrics.batches.clone(),
        );
        metrics
    }

    /// Makes all that can be counted of a system that is called be there.
    pub(super) fn expect(&self, api: Service) {
        for status in ApiStatus::ALL {
            let _ = self.calls.get_or_create(&ApiLabels { api, status });
        }
    }

    /// Counts one call to `api`.
    pub(super) fn call(&self, api: Service, status: ApiStatus, elapsed: Duration) {
        self.calls.get_or_create(&ApiLabels { api, status }).inc();
        self.seconds.get_or_create(&ApiName { api }).observe(elapsed.as_secs_f64());
    }

    /// Counts a batch of so many events.
    pub(super) fn batch(&self, events: usize) {
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        self.batches.observe(f64::from(events));
    }

    /// Whether the service's token is paused.
    pub(super) fn paused(&self, service: Service, is_paused: bool) {
        self.paused.get_or_create(&ServiceName { service }).set(i64::from(is_paused));
    }
}
