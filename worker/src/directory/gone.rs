//! Routes and tenants that are no longer there: what still waits for them ends as whoever deleted them has said.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use shared::origin::Origin;

use super::view::Mark;
use crate::error::HandlerError;
use crate::records::SectionState;
use crate::target::{Target, route_name};
use crate::tenants::SectionKind;

/// Said of what still waited.
const WHY: &str = "the route was deleted while the event waited for it";

/// The tenants, by their origins, and whether what waits for them is dropped.
pub(super) fn tenants(gone: &[Mark]) -> HashMap<Origin, bool> {
    let mut tenants: Vec<_> = gone.iter().filter(|mark| mark.kind == SectionKind::Tenant).collect();
    // Of several with one origin the last word stands.
    tenants.sort_by_key(|mark| mark.since_ms);
    let dropped = |mark: &Mark| Some((mark.origin.clone()?, mark.state == SectionState::Dropped));
    tenants.into_iter().filter_map(dropped).collect()
}

/// The routes, by the names that claims and dead letters have them under.
pub(super) fn targets(gone: &[Mark]) -> impl Iterator<Item = Target> {
    let mut named = BTreeSet::new();
    gone.iter().filter(|mark| mark.kind == SectionKind::Route).filter_map(move |mark| {
        let name = route_name(mark.tenant.as_deref(), &mark.name);
        let is_dropped = mark.state == SectionState::Dropped;
        named.insert(name.clone()).then(|| target(&name, is_dropped))
    })
}

fn target(name: &str, is_dropped: bool) -> Target {
    let end = move || {
        if is_dropped {
            HandlerError::skipped("ROUTE_DELETED", WHY)
        } else {
            HandlerError::permanent("ROUTE_DELETED", WHY)
        }
    };
    let wants_nothing = Arc::new(|_: &_| false);
    Target::route(name, wants_nothing, Arc::new(move |_, _| Box::pin(async move { Err(end()) })))
}
