//! The app's tokens: refreshes, whether HubSpot takes the app for who it is, and who has installed it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use shared::metrics::{label, probe};

label! {
    /// What became of a refresh.
    pub(crate) enum RefreshOutcome {
        Refreshed = "refreshed",
        Revoked = "revoked",
        Doubted = "doubted",
        Misconfigured = "misconfigured",
        Later = "later",
        Overtaken = "overtaken",
        Sealed = "sealed",
        Unwritten = "unwritten",
    }
}

label! {
    /// Whether portals have the app.
    enum State {
        Installed = "installed",
        Uninstalled = "uninstalled",
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: RefreshOutcome,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InState {
    state: State,
}

/// What is measured of the app's tokens.
#[derive(Clone, Debug)]
pub(crate) struct OauthMetrics {
    refreshes: Family<Outcome, Counter>,
    installations: Family<InState, Gauge>,
    doubted: Gauge,
    is_accepted: Arc<AtomicBool>,
}

impl OauthMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let is_accepted = Arc::new(AtomicBool::new(true));
        let metrics = Self {
            refreshes: Family::default(),
            installations: Family::default(),
            doubted: Gauge::default(),
            is_accepted: Arc::clone(&is_accepted),
        };
        registry.register(
            "oauth_refreshes",
            "Refreshes of portals' access tokens, by what became of them",
            metrics.refreshes.clone(),
        );
        for outcome in RefreshOutcome::ALL {
            let _ = metrics.refreshes.get_or_create(&Outcome { outcome });
        }
        registry.register(
            "oauth_installations",
            "Portals that have the app, or had it",
            metrics.installations.clone(),
        );
        metrics.installations(0, 0);
        registry.register(
            "oauth_refusals_doubted",
            "Portals whose refusal was not believed in the last ten minutes, since most were refused",
            metrics.doubted.clone(),
        );
        probe(
            registry,
            "oauth_app_accepted",
            "0 while HubSpot does not take the app's client id or secret",
            move || f64::from(u8::from(is_accepted.load(Ordering::Relaxed))),
        );
        metrics
    }

    pub(crate) fn refreshed(&self, outcome: RefreshOutcome) {
        self.refreshes.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn installations(&self, installed: i64, uninstalled: i64) {
        for (state, count) in [(State::Installed, installed), (State::Uninstalled, uninstalled)] {
            self.installations.get_or_create(&InState { state }).set(count);
        }
    }

    /// Of how many portals a refusal is not believed.
    pub(crate) fn doubted(&self, portals: usize) {
        self.doubted.set(i64::try_from(portals).unwrap_or(i64::MAX));
    }

    /// Whether HubSpot takes the app for who it says it is.
    pub(crate) fn app_accepted(&self, is_accepted: bool) {
        self.is_accepted.store(is_accepted, Ordering::Relaxed);
    }
}
