//! A route: which events of which tenant go to which destination.

use super::filter::{CheckFilter, Filter};
use super::known::Known;
use super::order;
use super::section::Section;
use super::state::State;
use super::transform::{CheckTransform, Gives, Transform};
use crate::order::Terms;

const KEYS: [&str; 8] = [
    "tenant",
    "destination",
    "filter",
    "transform",
    "order",
    "order_hold",
    "after_failure",
    "state",
];

/// A route.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    pub(crate) name: String,
    /// Whose events; `None` for everybody's.
    pub(crate) tenant: Option<String>,
    /// One of the tenant's or a shared one; for everybody a shared one.
    pub(crate) destination: String,
    /// Which events; `None` for all of them.
    pub(crate) filter: Option<Filter>,
    /// What goes out; `None` for the event as it came.
    pub(crate) transform: Option<Transform>,
    /// Where a record's events go one after the other.
    pub(crate) order: Option<Terms>,
    pub(crate) state: State,
}

impl Route {
    pub(crate) fn read<'t>(
        name: &str,
        section: &Section<'t>,
        known: &Known<'t>,
        check_filter: &CheckFilter<'_>,
        check_transform: &CheckTransform<'_>,
    ) -> Option<Self> {
        section.only(&KEYS);
        let tenant = known.tenant(section);
        let destination = known.destination(section, tenant.as_deref());
        let filter = Filter::read(section, check_filter);
        let transform = Transform::read(section, check_transform);
        if let (Some(Transform::Own { gives: Gives::Form | Gives::Text, .. }), Some(name)) =
            (&transform, &destination)
            && let Some(why) = known.json_only(name)
        {
            let message = format!(
                "gives no JSON, and \"{name}\" {why}: let it give \"json\", or choose another destination"
            );
            section.fault("transform", message);
        }
        let order = order::read(section);
        let state = State::read(section);
        let (name, destination) = (name.to_owned(), destination?);
        Some(Self { name, tenant, destination, filter, transform, order, state })
    }
}
