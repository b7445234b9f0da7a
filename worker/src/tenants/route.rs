//! A route: which events of which tenant go to which destination.

use super::filter::{CheckFilter, Filter};
use super::known::Known;
use super::section::Section;
use super::state::State;

const KEYS: [&str; 4] = ["tenant", "destination", "filter", "state"];

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
    pub(crate) state: State,
}

impl Route {
    pub(crate) fn read<'t>(
        name: &str,
        section: &Section<'t>,
        known: &Known<'t>,
        check_filter: &CheckFilter<'_>,
    ) -> Option<Self> {
        section.only(&KEYS);
        let tenant = known.tenant(section);
        let destination = known.destination(section, tenant.as_deref());
        let filter = Filter::read(section, check_filter);
        let state = State::read(section);
        Some(Self { name: name.to_owned(), tenant, destination: destination?, filter, state })
    }
}
