//! All tenants, destinations and routes, and how they are found.

use std::collections::{BTreeMap, HashMap};

use shared::origin::Origin;

use super::destination::Destination;
use super::route::Route;
use super::secret_ref::SecretRef;
use super::section_kind::SectionKind;
use super::state::State;
use super::tenant::Tenant;

/// What the file says, each by name. What refers to a name finds it.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_field_names, reason = "the file's own words")]
pub(crate) struct Tenants {
    pub(crate) tenants: BTreeMap<String, Tenant>,
    pub(crate) destinations: BTreeMap<String, Destination>,
    pub(crate) routes: BTreeMap<String, Route>,
    /// Tenants' names: every event asks for one.
    by_origin: HashMap<Origin, String>,
    /// Routes' names: every event of the tenant asks for them.
    by_tenant: HashMap<String, Vec<String>>,
    for_all: Vec<String>,
}

impl Tenants {
    pub(crate) fn new(
        tenants: BTreeMap<String, Tenant>,
        destinations: BTreeMap<String, Destination>,
        routes: BTreeMap<String, Route>,
    ) -> Self {
        let by_origin = tenants.values().map(|tenant| (tenant.origin.clone(), tenant.name.clone()));
        let by_origin = by_origin.collect();
        let (mut by_tenant, mut for_all) = (HashMap::<_, Vec<_>>::new(), Vec::new());
        for route in routes.values() {
            match &route.tenant {
                Some(tenant) => by_tenant.entry(tenant.clone()).or_default(),
                None => &mut for_all,
            }
            .push(route.name.clone());
        }
        Self { tenants, destinations, routes, by_origin, by_tenant, for_all }
    }

    /// The tenants of these origins, and what is theirs alone.
    pub(crate) fn only_of(self, is_seen: impl Fn(&Origin) -> bool) -> Self {
        let Self { mut tenants, mut destinations, mut routes, .. } = self;
        tenants.retain(|_, tenant| is_seen(&tenant.origin));
        let is_theirs = |of: Option<&str>| of.is_some_and(|tenant| tenants.contains_key(tenant));
        destinations.retain(|_, destination| is_theirs(destination.tenant.as_deref()));
        routes.retain(|_, route| is_theirs(route.tenant.as_deref()));
        Self::new(tenants, destinations, routes)
    }

    /// Where all secrets are that it names.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        self.destinations.values().flat_map(Destination::secrets)
    }

    /// What was said of a section beside the text. Of one that is not there nothing is noted.
    pub(crate) fn mark(&mut self, kind: SectionKind, name: &str, state: State) {
        let marked = match kind {
            SectionKind::Tenant => self.tenants.get_mut(name).map(|tenant| &mut tenant.state),
            SectionKind::Destination => self.destinations.get_mut(name).map(|one| &mut one.state),
            SectionKind::Route => self.routes.get_mut(name).map(|route| &mut route.state),
        };
        if let Some(marked) = marked {
            *marked = state;
        }
    }

    /// Whose events come from `origin`.
    pub(crate) fn tenant_of(&self, origin: &Origin) -> Option<&Tenant> {
        self.tenants.get(self.by_origin.get(origin)?)
    }

    /// The routes for the events of `tenant`, paused ones too: its own, then everybody's, each by name.
    pub(crate) fn routes_of(&self, tenant: &str) -> impl Iterator<Item = &Route> {
        let own = self.by_tenant.get(tenant).into_iter().flatten();
        own.chain(&self.for_all).filter_map(|name| self.routes.get(name))
    }
}
