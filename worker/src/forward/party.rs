//! A tenant as a run needs to know it, and for which of them a route is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::origin::Origin;

use crate::limits::Limit;
use crate::tenants::{State, Tenant};

/// What holds for all events of a tenant.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) origin: Origin,
    /// Of all of its routes together.
    pub(crate) limit: Limit,
    /// Requests under way at once.
    pub(crate) concurrency: u32,
    pub(crate) state: State,
    /// For how long what is for it is held once it has uninstalled the app, in ms; then it is dropped.
    pub(crate) kept_ms: i64,
}

/// For whose events a route is.
#[derive(Clone, Debug)]
pub(crate) enum Whose {
    One(Arc<Party>),
    /// Of every tenant, by its origin.
    All(Arc<HashMap<Origin, Arc<Party>>>),
}

impl Party {
    pub(crate) fn of(tenant: &Tenant, kept: Duration) -> Self {
        let key = format_args!("tenant/{}", tenant.name);
        Self {
            origin: tenant.origin.clone(),
            limit: tenant.rate.limit(key),
            concurrency: tenant.concurrency.into(),
            state: tenant.state,
            kept_ms: i64::try_from(kept.as_millis()).unwrap_or(i64::MAX),
        }
    }
}

impl Whose {
    /// The tenant with this origin, if the route is for it.
    pub(crate) fn party(&self, origin: &Origin) -> Option<&Arc<Party>> {
        match self {
            Self::One(party) => (party.origin == *origin).then_some(party),
            Self::All(parties) => parties.get(origin),
        }
    }
}
