//! A tenant as a run needs to know it, and for which of them a route is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shared::origin::Origin;

use super::computing::Computing;
use crate::error::HandlerError;
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
    /// What its filters and templates compute.
    pub(crate) computing: Computing,
    /// For how long what is for it is held once it has uninstalled the app, in ms; then it is dropped.
    pub(crate) kept_ms: i64,
}

/// For whose events a route is.
#[derive(Clone, Debug)]
pub(crate) enum Whose {
    One(Arc<Party>),
    /// Of every tenant.
    All(Arc<Everybody>),
}

/// All tenants, by their origins.
#[derive(Debug, Default)]
pub(crate) struct Everybody {
    pub(crate) there: HashMap<Origin, Arc<Party>>,
    /// Those that were deleted, and whether what waits for them is dropped.
    pub(crate) gone: HashMap<Origin, bool>,
}

impl Party {
    pub(crate) fn of(tenant: &Tenant, kept: Duration) -> Self {
        let key = format_args!("tenant/{}", tenant.name);
        Self {
            origin: tenant.origin.clone(),
            limit: tenant.rate.limit(key),
            concurrency: tenant.concurrency.into(),
            state: tenant.state,
            computing: Computing::of(&tenant.origin),
            kept_ms: i64::try_from(kept.as_millis()).unwrap_or(i64::MAX),
        }
    }
}

impl Whose {
    /// The tenant with this origin, if the route is for it.
    pub(crate) fn party(&self, origin: &Origin) -> Option<&Arc<Party>> {
        match self {
            Self::One(party) => (party.origin == *origin).then_some(party),
            Self::All(everybody) => everybody.there.get(origin),
        }
    }

    /// What becomes of an event for which there is no tenant.
    pub(crate) fn end_without(&self, origin: &Origin) -> HandlerError {
        let deleted = "the tenant was deleted while the event waited for it";
        let gone = match self {
            Self::One(_) => None,
            Self::All(everybody) => everybody.gone.get(origin),
        };
        match gone {
            Some(true) => HandlerError::skipped("TENANT_DELETED", deleted),
            Some(false) => HandlerError::permanent("TENANT_DELETED", deleted),
            None => {
                let message = "the route is not for events of this origin";
                HandlerError::permanent("TENANT_UNKNOWN", message)
            }
        }
    }
}
