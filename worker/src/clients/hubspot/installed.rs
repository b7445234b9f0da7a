//! The portals that have installed the app, each with a token of its own.
//!
//! Owns which portals are remembered: what is forgotten is asked for again, and costs nothing else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use shared::clock::now_ms;
use shared::origin::Origin;

use crate::clients::http::Api;
use crate::credentials::{Credential, Keeper};
use crate::metrics::WorkerMetrics;
use crate::oauth::Tokens;

/// Portals that are remembered.
const MANY: usize = 10_000;
/// Those that were not asked for in so long are the first to be forgotten.
const IDLE_MS: i64 = 10 * 60 * 1000;

/// What a portal's requests go out by.
#[derive(Debug)]
pub(super) struct Installed {
    tokens: Arc<Tokens>,
    timeout: Duration,
    keeper: Keeper,
    metrics: WorkerMetrics,
    portals: RwLock<HashMap<u64, Entry>>,
}

#[derive(Debug)]
struct Entry {
    api: Arc<Api>,
    used_ms: AtomicI64,
}

impl Installed {
    pub(super) fn new(
        tokens: Arc<Tokens>,
        timeout: Duration,
        keeper: Keeper,
        metrics: WorkerMetrics,
    ) -> Self {
        Self { tokens, timeout, keeper, metrics, portals: RwLock::default() }
    }

    /// The API that `base` is, let in with this portal's token.
    pub(super) fn of(&self, portal_id: u64, base: &Api) -> Arc<Api> {
        let now_ms = now_ms();
        {
            let portals = self.portals.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = portals.get(&portal_id) {
                entry.used_ms.store(now_ms, Ordering::Relaxed);
                return Arc::clone(&entry.api);
            }
        }
        let mut portals = self.portals.write().unwrap_or_else(PoisonError::into_inner);
        if portals.len() >= MANY {
            portals.retain(|_, entry| now_ms - entry.used_ms.load(Ordering::Relaxed) < IDLE_MS);
        }
        if portals.len() >= MANY {
            portals.clear();
        }
        let entry = portals.entry(portal_id).or_insert_with(|| Entry {
            api: Arc::new(base.with(self.credential(portal_id, base))),
            used_ms: AtomicI64::new(now_ms),
        });
        Arc::clone(&entry.api)
    }

    fn credential(&self, portal_id: u64, base: &Api) -> Credential {
        Credential::of_portal(
            base.base(),
            Origin::hubspot(portal_id),
            Arc::clone(&self.tokens),
            self.timeout,
            self.keeper.clone(),
            self.metrics.clone(),
        )
    }
}

#[cfg(test)]
mod tests;
