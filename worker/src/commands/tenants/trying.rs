//! What is tried: a destination, the way to it, and what would hold an event there.

use std::sync::Arc;

use shared::event::Event;

use crate::directory::Directory;
use crate::forward::Outlet;
use crate::suggestion::did_you_mean;
use crate::tenants::{Route, State, Tenant, Tenants};

/// It.
pub(super) struct Trying<'a> {
    pub(super) tenants: &'a Tenants,
    pub(super) outlet: &'a Arc<Outlet>,
    /// One of the file's, or the way of every event as it is.
    pub(super) route: Route,
}

impl<'a> Trying<'a> {
    /// The destination of this name, by the route if one is named. `tenant` is whose events go there, if that was
    /// said.
    pub(super) fn of(
        directory: &'a Directory,
        destination: &str,
        route: Option<&str>,
        tenant: Option<&str>,
    ) -> anyhow::Result<Self> {
        let tenants = &directory.tenants;
        // As `pause` and `show` are told of it.
        let name = destination.strip_prefix("destination/").unwrap_or(destination);
        let found = tenants.destinations.get_key_value(name).zip(directory.outlet(name));
        let ((name, to), outlet) =
            found.ok_or_else(|| unknown("destination", name, tenants.destinations.keys()))?;
        if let Some(fault) = directory.fault_of(name) {
            anyhow::bail!("nothing can be sent: {fault}");
        }
        let route = match route {
            None => as_it_is(name, to.tenant.clone()),
            Some(route) => {
                let route = route.strip_prefix("route/").unwrap_or(route);
                let found = tenants.routes.get(route);
                let route = found.ok_or_else(|| unknown("route", route, tenants.routes.keys()))?;
                let (route_name, leads) = (&route.name, &route.destination);
                anyhow::ensure!(
                    leads == name,
                    "the route {route_name} leads to {leads}, not to {name}"
                );
                route.clone()
            }
        };
        let Some(tenant) = tenant else { return Ok(Self { tenants, outlet, route }) };
        let known = tenants.tenants.contains_key(tenant);
        anyhow::ensure!(known, unknown("tenant", tenant, tenants.tenants.keys()));
        if let Some(owner) = to.tenant.as_ref().or(route.tenant.as_ref()) {
            let name = if to.tenant.is_some() { name } else { &route.name };
            anyhow::ensure!(owner == tenant, "{name} is {owner}'s: leave --tenant {tenant} away");
        }
        let route = Route { tenant: Some(tenant.to_owned()), ..route };
        Ok(Self { tenants, outlet, route })
    }

    /// Whose event is to be made up.
    pub(super) fn tenant(&self) -> anyhow::Result<&'a Tenant> {
        let destination = &self.outlet.name;
        let owner = self.tenants.destinations.get(&**destination);
        let owner = owner.and_then(|destination| destination.tenant.as_deref());
        let tenant = self.route.tenant.as_deref().or(owner);
        let tenant = tenant.and_then(|name| self.tenants.tenants.get(name));
        tenant.ok_or_else(|| {
            anyhow::anyhow!(
                "{destination} is for all tenants: say with --tenant whose event is to be made up, or give one in a \
                 FILE"
            )
        })
    }

    /// What would hold an event that a test passes by.
    pub(super) fn notes(&self, event: &Event) -> Vec<String> {
        let note = |what: &str, state| {
            let word = match state {
                State::Active => return None,
                State::Paused => "paused",
                State::Uninstalled { .. } => "uninstalled",
            };
            Some(format!("{what} is {word}: events wait, and a test goes out all the same"))
        };
        let tenant = self.tenants.tenant_of(&event.origin);
        let destination = self.tenants.destinations.get(&*self.outlet.name);
        let notes = [
            tenant.and_then(|tenant| note(&format!("the tenant {}", tenant.name), tenant.state)),
            note(&format!("the route {}", self.route.name), self.route.state),
            destination.and_then(|to| note(&format!("the destination {}", to.name), to.state)),
        ];
        notes.into_iter().flatten().collect()
    }
}

/// The way of every event, as it came or as the destination's kind needs it.
fn as_it_is(destination: &str, tenant: Option<String>) -> Route {
    Route {
        name: "test".to_owned(),
        tenant,
        destination: destination.to_owned(),
        filter: None,
        transform: None,
        order: None,
        state: State::Active,
    }
}

fn unknown<'n>(what: &str, name: &str, names: impl Iterator<Item = &'n String>) -> anyhow::Error {
    let meant = did_you_mean(name, names.map(String::as_str)).unwrap_or_default();
    anyhow::anyhow!("there is no {what} {name:?}{meant}")
}
