//! Routes that are no longer there: what still waits for them ends as whoever deleted them has said.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::view::Mark;
use crate::error::HandlerError;
use crate::records::SectionState;
use crate::target::{Target, route_name};
use crate::tenants::SectionKind;

/// Said of what still waited.
const WHY: &str = "the route was deleted while the event waited for it";

/// They, by the names that claims and dead letters have them under.
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
