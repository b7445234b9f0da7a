//! What is seen of limits: every few seconds the ledger is asked, for metrics, `/limits`, the console and
//! `worker limits`. All workers see the same, since they share the limits.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use prometheus_client::registry::Registry;
use shared::metrics::{probe, probe_by};
use tokio_util::task::AbortOnDropHandle;

use super::shut;
use crate::ledger::Ledger;
use crate::limits::{Of, Seen};
use crate::service::Service;

/// How often the ledger is asked.
const EVERY: Duration = Duration::from_secs(3);

type Labels = Vec<(&'static str, String)>;

/// What was seen last.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: Mutex<Arc<Vec<Seen>>>,
    /// Destinations that are paused since they want nothing any more.
    refusing: Mutex<Arc<BTreeSet<String>>>,
    /// Whether each portal has series of its own.
    by_portal: bool,
}

impl Watch {
    /// Nothing is seen yet; its metrics in `registry`.
    pub(crate) fn register(registry: &mut Registry, by_portal: bool) -> Arc<Self> {
        let watch =
            Arc::new(Self { seen: Mutex::default(), refusing: Mutex::default(), by_portal });
        watch.gauge(
            registry,
            "limit_used",
            "What is counted at a limit now: requests in its window, calls under way",
            |seen| seen.used,
            Merge::Sum,
        );
        watch.gauge(
            registry,
            "limit_size",
            "How much there may be of it; 0 where only what the other side asks for holds back",
            |seen| seen.size.unwrap_or_default(),
            Merge::Sum,
        );
        watch.waiting(registry);
        watch.gauge(
            registry,
            "limit_oldest_seconds",
            "For how long whoever waits longest at a limit has; 0 if nobody waits",
            |seen| seen.oldest_ms,
            Merge::Seconds,
        );
        watch.gauge(
            registry,
            "limit_drained_seconds",
            "How long until the last who waits at a limit has its turn; 0 if nobody waits",
            |seen| seen.drained_ms,
            Merge::Seconds,
        );
        watch.gauge(
            registry,
            "limit_held_seconds",
            "For how long nobody is let through: the other side has asked for it, or is down",
            |seen| seen.held_ms,
            Merge::Seconds,
        );
        watch.breakers(registry);
        watch.destinations(registry);
        watch
    }

    /// Looks until the handle is dropped.
    pub(crate) fn start(self: &Arc<Self>, ledger: Arc<Ledger>) -> AbortOnDropHandle<()> {
        let watch = Arc::clone(self);
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                let mut seen = ledger.limits().await;
                seen.sort_by(|a, b| {
                    (b.waiting(), &a.limit, a.of).cmp(&(a.waiting(), &b.limit, b.of))
                });
                *watch.seen.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(seen);
                tokio::time::sleep(EVERY).await;
            }
        }))
    }

    /// `/limits` on the admin listener.
    pub(crate) fn pages(self: &Arc<Self>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let watch = Data::from(Arc::clone(self));
        move |config: &mut ServiceConfig| {
            config.app_data(watch.clone()).route("/limits", web::get().to(limits));
        }
    }

    /// From now on those are the destinations that want nothing any more.
    pub(crate) fn refuse(&self, names: BTreeSet<String>) {
        *self.refusing.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
    }

    /// Destinations to which nothing goes.
    fn shut(&self) -> BTreeSet<String> {
        let refusing = Arc::clone(&self.refusing.lock().unwrap_or_else(PoisonError::into_inner));
        shut::all(&self.now(), &refusing)
    }

    fn now(&self) -> Arc<Vec<Seen>> {
        Arc::clone(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn gauge(
        self: &Arc<Self>,
        registry: &mut Registry,
        name: &'static str,
        help: &'static str,
        of: fn(&Seen) -> u64,
        merge: Merge,
    ) {
        let watch = Arc::clone(self);
        probe_by(registry, name, help, move || {
            let labelled = |seen: &Seen| watch.labels(seen);
            merged(both(), &watch.now(), labelled, |seen| number(of(seen)), merge)
        });
    }

    fn waiting(self: &Arc<Self>, registry: &mut Registry) {
        let watch = Arc::clone(self);
        let help = "Runs that wait at a limit for their turn, about, by lane";
        probe_by(registry, "limit_waiting", help, move || {
            let seen = watch.now();
            let lane = |lane: &'static str, of: fn(&Seen) -> u64| {
                let label = |labels: Labels| [labels, vec![("lane", lane.to_owned())]].concat();
                let none = both().into_iter().map(label).collect();
                let labelled = |seen: &Seen| label(watch.labels(seen));
                merged(none, &seen, labelled, |seen| number(of(seen)), Merge::Sum)
            };
            let (live, bulk) = (|seen: &Seen| seen.waiting_live, |seen: &Seen| seen.waiting_bulk);
            [lane("work", live), lane("bulk", bulk)].concat()
        });
    }

    fn breakers(self: &Arc<Self>, registry: &mut Registry) {
        let watch = Arc::clone(self);
        let help = "Whether a service is called: 0 closed, 1 half open (one run probes), 2 open (nobody does)";
        probe_by(registry, "breaker_state", help, move || {
            let none = Service::ALL.map(|service| vec![("limit", service.as_str().to_owned())]);
            let labelled = |seen: &Seen| vec![("limit", watch.name(seen))];
            let state = |seen: &Seen| number(seen.breaker_number().unsigned_abs());
            merged(none.into(), &watch.now(), labelled, state, Merge::Most)
        });
    }

    /// A series for each that takes nothing, and none for others.
    fn destinations(self: &Arc<Self>, registry: &mut Registry) {
        let watch = Arc::clone(self);
        let help = "1 for each destination to which nothing goes: it is down, wants to be left alone for over half a minute, or is paused since it wants nothing any more";
        probe_by(registry, "destination_shut", help, move || {
            let names = shut::named(watch.shut()).into_iter();
            names.map(|name| (vec![("destination", name)], 1.0)).collect()
        });
        let watch = Arc::clone(self);
        let help = "Destinations to which nothing goes";
        probe(registry, "destinations_shut", help, move || number(watch.shut().len() as u64));
    }

    fn labels(&self, seen: &Seen) -> Labels {
        vec![("limit", self.name(seen)), ("of", seen.of.as_str().to_owned())]
    }

    /// The service, or the whole key where portals have series of their own.
    fn name(&self, seen: &Seen) -> String {
        if self.by_portal { seen.limit.clone() } else { seen.service().to_owned() }
    }
}

async fn limits(watch: Data<Watch>) -> HttpResponse {
    HttpResponse::Ok().json(&*watch.now())
}

/// How several limits of one service become one number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Merge {
    Sum,
    Most,
    /// The most, of milliseconds.
    Seconds,
}

/// What is there from the start.
fn both() -> Vec<Labels> {
    let of = |of: Of| {
        move |service: Service| {
            vec![("limit", service.as_str().to_owned()), ("of", of.as_str().to_owned())]
        }
    };
    let services = || Service::ALL.into_iter();
    services().map(of(Of::Requests)).chain(services().map(of(Of::Calls))).collect()
}

fn merged(
    none: Vec<Labels>,
    seen: &[Seen],
    labels: impl Fn(&Seen) -> Labels,
    value: impl Fn(&Seen) -> f64,
    merge: Merge,
) -> Vec<(Labels, f64)> {
    let mut all: std::collections::BTreeMap<Labels, f64> =
        none.into_iter().map(|labels| (labels, 0.0)).collect();
    for seen in seen {
        let (entry, value) = (all.entry(labels(seen)).or_default(), value(seen));
        *entry = if merge == Merge::Sum { *entry + value } else { entry.max(value) };
    }
    let unit = if merge == Merge::Seconds { 1000.0 } else { 1.0 };
    all.into_iter().map(|(labels, value)| (labels, value / unit)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests, and of ms")]
fn number(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use shared::metrics::{encode, registry};

    use super::*;

    fn seen(of: Of, limit: &str, sight: crate::limits::Sight) -> Seen {
        Seen::new(of, limit, sight)
    }

    #[test]
    fn limits_of_a_service_are_one_series_unless_portals_have_their_own() {
        for by_portal in [false, true] {
            let mut registry = registry("worker");
            let watch = Watch::register(&mut registry, by_portal);
            assert!(encode(&registry).contains("hubline_breaker_state{limit=\"erp\"} 0.0"));
            *watch.seen.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(vec![
                seen(Of::Requests, "hubspot/1", [40, 100, 10_200, 3, 2, 9_000, 30_000, 0, -1]),
                seen(Of::Requests, "hubspot/2", [50, 80, 10_200, 1, 0, 4_000, 60_500, 0, -1]),
                seen(Of::Calls, "erp", [0, 200, 0, 7, 0, 1_000, 5_000, 4_000, 2]),
                seen(Of::Calls, "destination/acme-crm", [0, 200, 0, 1, 0, 0, 0, 0, 2]),
            ]);
            let text = encode(&registry);
            let there = |line: &str| assert!(text.contains(line), "{line} in {text}");
            there("hubline_breaker_state{limit=\"erp\"} 2.0");
            there("hubline_destination_shut{destination=\"acme-crm\"} 1.0");
            there("hubline_destinations_shut 1");
            there("hubline_limit_held_seconds{limit=\"erp\",of=\"calls\"} 4.0");
            if by_portal {
                there("hubline_limit_used{limit=\"hubspot/2\",of=\"requests\"} 50.0");
            } else {
                there("hubline_limit_used{limit=\"hubspot\",of=\"requests\"} 90.0");
                there("hubline_limit_size{limit=\"hubspot\",of=\"requests\"} 180.0");
                there("hubline_limit_waiting{limit=\"hubspot\",of=\"requests\",lane=\"bulk\"} 2.0");
                there("hubline_limit_drained_seconds{limit=\"hubspot\",of=\"requests\"} 60.5");
            }
        }
    }
}
