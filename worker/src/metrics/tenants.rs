//! Tenants: how many there are, and how old a worker's view of them is.

use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

/// What is measured of the file of tenants.
#[derive(Clone, Debug)]
pub(crate) struct TenantMetrics {
    tenants: Gauge,
    destinations: Gauge,
    routes: Gauge,
    is_valid: Gauge,
    age: Gauge<f64, AtomicU64>,
}

impl TenantMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            tenants: Gauge::default(),
            destinations: Gauge::default(),
            routes: Gauge::default(),
            is_valid: Gauge::default(),
            age: Gauge::default(),
        };
        registry.register("tenants", "Tenants that there are", metrics.tenants.clone());
        registry.register(
            "destinations",
            "Destinations that tenants' routes can lead to",
            metrics.destinations.clone(),
        );
        registry.register("routes", "Routes of tenants", metrics.routes.clone());
        registry.register(
            "tenants_file_valid",
            "1 while the file of tenants can be used as it is; 0 while an earlier version goes on",
            metrics.is_valid.clone(),
        );
        registry.register(
            "tenants_age_seconds",
            "How long ago the file of tenants could be used as it was",
            metrics.age.clone(),
        );
        metrics.is_valid.set(1);
        metrics
    }

    pub(crate) fn taken(&self, tenants: usize, destinations: usize, routes: usize) {
        let gauges = [(&self.tenants, tenants), (&self.destinations, destinations)];
        for (gauge, count) in gauges.into_iter().chain([(&self.routes, routes)]) {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    pub(crate) fn looked(&self, is_valid: bool, age: Duration) {
        self.is_valid.set(is_valid.into());
        self.age.set(age.as_secs_f64());
    }
}
