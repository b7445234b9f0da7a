//! Runs of handlers: how they ended, how long they took and how long their events had waited.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use shared::message::DeathReason;
use shared::metrics::latency;
use shared::origin::Origin;

/// Upper bounds, in seconds, for the time from receipt to the start of work: from milliseconds
/// to the end of the retry schedule.
const QUEUE_TIME_BUCKETS: [f64; 14] = [
    0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 21_600.0, 86_400.0,
    259_200.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct VerdictLabels {
    handler: Arc<str>,
    verdict: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HandlerLabels {
    handler: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DeathLabels {
    handler: Arc<str>,
    reason: DeathReason,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OriginLabels {
    origin: String,
}

/// What is counted of one handler's runs: found once, and not by their labels with each run.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    ends: Vec<(&'static str, Counter)>,
    seconds: Histogram,
}

impl Counts {
    /// A run has ended in one of the verdicts that were told.
    pub(crate) fn ended(&self, verdict: &'static str) {
        let mut ends = self.ends.iter();
        if let Some((_, ends)) = ends.find(|(known, _)| *known == verdict) {
            ends.inc();
        }
    }

    /// The handler itself took so long.
    pub(crate) fn handled(&self, duration: Duration) {
        self.seconds.observe(duration.as_secs_f64());
    }
}

#[derive(Clone, Debug)]
pub(super) struct Deliveries {
    ends: Family<VerdictLabels, Counter>,
    handler_seconds: Family<HandlerLabels, Histogram>,
    queue_seconds: Histogram,
    dead_letters: Family<DeathLabels, Counter>,
    portal_events: Option<Family<OriginLabels, Counter>>,
}

impl Deliveries {
    pub(super) fn register(registry: &mut Registry, by_portal: bool) -> Self {
        let metrics = Self {
            ends: Family::default(),
            handler_seconds: Family::new_with_constructor(latency),
            queue_seconds: Histogram::new(QUEUE_TIME_BUCKETS),
            dead_letters: Family::default(),
            portal_events: by_portal.then(Family::default),
        };
        registry.register(
            "deliveries",
            "Runs by handler and verdict; `none` where no handler was run",
            metrics.ends.clone(),
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
            "dead_letters",
            "Events given up, by handler and reason",
            metrics.dead_letters.clone(),
        );
        if let Some(portal_events) = &metrics.portal_events {
            registry.register("portal_events", "Runs by portal", portal_events.clone());
        }
        metrics
    }

    /// Makes all that can be counted of these handlers be there, so that the first of each is seen as
    /// an increase.
    pub(super) fn expect(
        &self,
        handlers: impl Iterator<Item = Arc<str>>,
        verdicts: &[&'static str],
    ) {
        for handler in handlers {
            for &verdict in verdicts {
                let labels = VerdictLabels { handler: Arc::clone(&handler), verdict };
                let _ = self.ends.get_or_create(&labels);
            }
            for reason in DeathReason::ALL {
                let labels = DeathLabels { handler: Arc::clone(&handler), reason };
                let _ = self.dead_letters.get_or_create(&labels);
            }
        }
    }

    /// A handler is no longer there, and what is counted of it goes: else there would be more and more.
    pub(super) fn forget(&self, handler: &Arc<str>, verdicts: &[&'static str]) {
        for &verdict in verdicts {
            let labels = VerdictLabels { handler: Arc::clone(handler), verdict };
            self.ends.remove(&labels);
        }
        for reason in DeathReason::ALL {
            let labels = DeathLabels { handler: Arc::clone(handler), reason };
            self.dead_letters.remove(&labels);
        }
        let labels = HandlerLabels { handler: Arc::clone(handler) };
        self.handler_seconds.remove(&labels);
    }

    pub(super) fn of(&self, handler: &Arc<str>, verdicts: &[&'static str]) -> Counts {
        let end = |&verdict: &&'static str| {
            let labels = VerdictLabels { handler: Arc::clone(handler), verdict };
            (verdict, self.ends.get_or_create_owned(&labels))
        };
        let labels = HandlerLabels { handler: Arc::clone(handler) };
        let seconds = self.handler_seconds.get_or_create_owned(&labels);
        Counts { ends: verdicts.iter().map(end).collect(), seconds }
    }

    pub(super) fn ended(&self, handler: &Arc<str>, verdict: &'static str) {
        let labels = VerdictLabels { handler: Arc::clone(handler), verdict };
        self.ends.get_or_create(&labels).inc();
    }

    pub(super) fn started(&self, origin: &Origin, queue_time: Duration) {
        self.queue_seconds.observe(queue_time.as_secs_f64());
        if let Some(portals) = &self.portal_events {
            portals.get_or_create(&OriginLabels { origin: origin.to_string() }).inc();
        }
    }

    pub(super) fn died(&self, handler: &Arc<str>, reason: DeathReason) {
        let labels = DeathLabels { handler: Arc::clone(handler), reason };
        self.dead_letters.get_or_create(&labels).inc();
    }
}
