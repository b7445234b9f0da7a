//! What the receiver measures.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use shared::clock::now_ms;
use shared::metrics::{latency, probe};
use shared::senders::Verifier;

use crate::business_hours::BusinessHours;
use crate::rejection::Rejection;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StatusLabels {
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VersionLabels {
    version: &'static str,
}

/// The receiver's metrics.
#[derive(Clone, Debug)]
pub(crate) struct ReceiverMetrics {
    receipts: Family<StatusLabels, Counter>,
    rejections: Family<ReasonLabels, Counter>,
    signatures: Family<VersionLabels, Counter>,
    request_seconds: Histogram,
    events: Counter,
    unreadable: Counter,
    in_flight: Gauge,
}

/// A request being answered; also one whose client leaves counts only while this lives.
#[derive(Debug)]
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl ReceiverMetrics {
    pub(crate) fn register(
        registry: &mut Registry,
        business_hours: &BusinessHours,
        verifier: &Verifier,
    ) -> Self {
        let hours = business_hours.clone();
        probe(
            registry,
            "business_hours",
            "1 while deliveries are expected, by BUSINESS_HOURS",
            move || f64::from(u8::from(hours.contain(now_ms()))),
        );
        let metrics = Self {
            receipts: Family::default(),
            rejections: Family::default(),
            signatures: Family::default(),
            request_seconds: latency(),
            events: Counter::default(),
            unreadable: Counter::default(),
            in_flight: Gauge::default(),
        };
        registry.register("receipts", "Requests answered, by status", metrics.receipts.clone());
        registry.register("rejections", "Requests refused, by reason", metrics.rejections.clone());
        registry.register(
            "signatures",
            "Deliveries whose signature held, by its version",
            metrics.signatures.clone(),
        );
        registry.register(
            "request_seconds",
            "Time from a request's head to its answer",
            metrics.request_seconds.clone(),
        );
        registry.register(
            "received_events",
            "Events confirmed by the broker",
            metrics.events.clone(),
        );
        registry.register(
            "unreadable_events",
            "Events or bodies sent to the dead letters as unreadable",
            metrics.unreadable.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests being answered",
            metrics.in_flight.clone(),
        );
        // There from the start, so that the first of each is seen as an increase.
        for status in [200, 400, 401, 404, 405, 408, 413, 415, 431, 503] {
            let _ = metrics.receipts.get_or_create(&StatusLabels { status });
        }
        for reason in Rejection::codes() {
            let _ = metrics.rejections.get_or_create(&ReasonLabels { reason });
        }
        for version in verifier.versions() {
            let _ = metrics.signatures.get_or_create(&VersionLabels { version });
        }
        metrics
    }

    pub(crate) fn answered(&self, status: u16, elapsed: Duration) {
        self.receipts.get_or_create(&StatusLabels { status }).inc();
        self.request_seconds.observe(elapsed.as_secs_f64());
    }

    pub(crate) fn in_flight(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(crate) fn rejected(&self, reason: &'static str) {
        self.rejections.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn verified(&self, version: &'static str) {
        self.signatures.get_or_create(&VersionLabels { version }).inc();
    }

    pub(crate) fn received(&self, events: usize, unreadable: usize) {
        self.events.inc_by(events as u64);
        self.unreadable.inc_by(unreadable as u64);
    }
}
