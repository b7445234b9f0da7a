//! Tenants: how many there are, and how old a worker's view of them is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use shared::metrics::probe;

/// What is measured of the file of tenants.
#[derive(Clone, Debug)]
pub(crate) struct TenantMetrics {
    tenants: Gauge,
    destinations: Gauge,
    unusable: Gauge,
    routes: Gauge,
    view: Arc<Mutex<View>>,
}

/// When the file was looked at last, and when it could be used then.
#[derive(Debug, Default)]
struct View {
    looked: Option<Instant>,
    was_valid: Option<Instant>,
}

impl TenantMetrics {
    /// A look that is older than `stale` says nothing any more.
    pub(crate) fn register(registry: &mut Registry, stale: Duration) -> Self {
        let metrics = Self {
            tenants: Gauge::default(),
            destinations: Gauge::default(),
            unusable: Gauge::default(),
            routes: Gauge::default(),
            view: Arc::default(),
        };
        registry.register("tenants", "Tenants that there are", metrics.tenants.clone());
        registry.register(
            "destinations",
            "Destinations that tenants' routes can lead to",
            metrics.destinations.clone(),
        );
        registry.register(
            "destinations_unusable",
            "Destinations whose address or secret cannot be used: what is for them waits",
            metrics.unusable.clone(),
        );
        registry.register("routes", "Routes of tenants", metrics.routes.clone());
        let seen = metrics.clone();
        probe(
            registry,
            "tenants_file_valid",
            "1 while the file of tenants can be used as it is; 0 while an earlier version goes on",
            move || {
                let view = seen.view();
                let is_valid = view.looked.is_none_or(|looked| {
                    looked.elapsed() < stale && view.was_valid == Some(looked)
                });
                f64::from(u8::from(is_valid))
            },
        );
        let seen = metrics.clone();
        probe(
            registry,
            "tenants_age_seconds",
            "How long ago the file of tenants could be used as it was",
            move || seen.view().was_valid.map_or(0.0, |at| at.elapsed().as_secs_f64()),
        );
        metrics
    }

    pub(crate) fn taken(
        &self,
        tenants: usize,
        destinations: usize,
        routes: usize,
        unusable: usize,
    ) {
        for (gauge, count) in [
            (&self.tenants, tenants),
            (&self.destinations, destinations),
            (&self.routes, routes),
            (&self.unusable, unusable),
        ] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// The file was looked at now.
    pub(crate) fn looked(&self, is_valid: bool) {
        let (now, mut view) = (Instant::now(), self.view());
        view.looked = Some(now);
        if is_valid {
            view.was_valid = Some(now);
        }
    }

    fn view(&self) -> std::sync::MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
