//! Which targets there are now: what the executor asks.
//!
//! Owns the table, which can be replaced while the worker runs. A run keeps the table that it began
//! with, so that a target goes when its last run has ended.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use shared::event::Event;
use shared::origin::Origin;

use crate::registry::Registry;
use crate::target::Target;

/// The targets of one worker.
#[derive(Debug)]
pub(crate) struct Router(RwLock<Arc<Table>>);

impl Router {
    pub(crate) fn new(registry: Registry) -> Self {
        Self(RwLock::new(Arc::new(Table::new(registry))))
    }

    /// The targets of this moment.
    pub(crate) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on events are for the handlers of `registry`; routes stay. Gives the names that are no longer
    /// there.
    pub(crate) fn replace(&self, registry: Registry) -> BTreeSet<Arc<str>> {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let table = Arc::new(Table::of(registry.into_targets(), Arc::clone(&current.routes)));
        let before = std::mem::replace(&mut *current, Arc::clone(&table));
        before.by_name.keys().filter(|name| table.get(name).is_none()).cloned().collect()
    }

    /// From now on tenants have these routes; handlers stay.
    pub(crate) fn reroute(&self, routes: Routes) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(Table::of(current.handlers.clone(), Arc::new(routes)));
    }
}

/// The routes of tenants.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    targets: Vec<Target>,
    by_name: HashMap<Arc<str>, usize>,
    /// Of each tenant's origin. So an event is looked at by its tenant's routes, however many there are.
    of: HashMap<Origin, Vec<usize>>,
    /// Whether there is to be a file of tenants, whatever it says.
    is_on: bool,
}

impl Routes {
    /// None yet, of the tenants with these origins.
    pub(crate) fn of(origins: impl Iterator<Item = Origin>) -> Self {
        let of = origins.map(|origin| (origin, Vec::new())).collect();
        Self { of, is_on: true, ..Self::default() }
    }

    /// One more, for the tenant with this origin, or for all of them.
    pub(crate) fn add(&mut self, route: Target, origin: Option<&Origin>) {
        let place = self.targets.len();
        self.by_name.insert(Arc::clone(route.name()), place);
        self.targets.push(route);
        match origin {
            Some(origin) => self.of.entry(origin.clone()).or_default().push(place),
            None => self.of.values_mut().for_each(|routes| routes.push(place)),
        }
    }

    /// One that is no longer there: no event is for it, and what still waits for it ends there.
    pub(crate) fn add_gone(&mut self, route: Target) {
        if !self.by_name.contains_key(route.name()) {
            self.by_name.insert(Arc::clone(route.name()), self.targets.len());
            self.targets.push(route);
        }
    }

    fn targets_of<'a>(&'a self, event: &Event) -> impl Iterator<Item = &'a Target> {
        let places = self.of.get(&event.origin).map(Vec::as_slice).unwrap_or_default();
        places.iter().map(|place| &self.targets[*place])
    }
}

/// The targets of one moment.
#[derive(Debug)]
pub(crate) struct Table {
    /// In order of registration.
    handlers: Vec<Target>,
    by_name: HashMap<Arc<str>, usize>,
    routes: Arc<Routes>,
}

impl Table {
    pub(crate) fn new(registry: Registry) -> Self {
        Self::of(registry.into_targets(), Arc::default())
    }

    fn of(handlers: Vec<Target>, routes: Arc<Routes>) -> Self {
        let names = handlers.iter().map(|target| Arc::clone(target.name()));
        let by_name = names.zip(0..).collect();
        Self { handlers, by_name, routes }
    }

    /// The target of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Target> {
        let handler = self.by_name.get(name).map(|place| &self.handlers[*place]);
        handler.or_else(|| self.routes.by_name.get(name).map(|place| &self.routes.targets[*place]))
    }

    /// Those that want `event`.
    pub(crate) fn targets_of(&self, event: &Event) -> Vec<&Target> {
        let all = self.handlers.iter().chain(self.routes.targets_of(event));
        all.filter(|target| target.wants(event)).collect()
    }

    /// Whether there is a file of tenants, whatever it says now.
    pub(crate) fn may_have_tenants(&self) -> bool {
        self.routes.is_on
    }

    /// Whether there are tenants.
    pub(crate) fn has_tenants(&self) -> bool {
        !self.routes.of.is_empty()
    }

    /// Whether a tenant has this origin.
    pub(crate) fn is_tenant(&self, origin: &Origin) -> bool {
        self.routes.of.contains_key(origin)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use bytes::Bytes;
    use shared::senders::Sender;
    use shared::senders::hubspot::HubSpotEvent;

    use super::*;
    use crate::context::Context;
    use crate::registry::HandlerResult;

    async fn nothing(_: &Context, _: &Event) -> HandlerResult {
        Ok(())
    }

    async fn facts(_: &Context, _: &HubSpotEvent) -> HandlerResult {
        Ok(())
    }

    fn event() -> Event {
        let body = br#"{"eventId":1,"portalId":2,"subscriptionType":"deal.creation","objectId":3}"#;
        Sender::HubSpot.identify(&Bytes::from_static(body)).unwrap()
    }

    fn names(table: &Table, event: &Event) -> Vec<String> {
        table.targets_of(event).into_iter().map(|target| target.name().to_string()).collect()
    }

    #[test]
    fn an_event_is_for_every_target_that_wants_it() {
        let mut registry = Registry::new();
        registry
            .hubspot("deals", |event| event.subscription_type.starts_with("deal."), facts)
            .unwrap();
        registry.add("all", |_| true, nothing).unwrap();
        registry.add("none", |_| false, nothing).unwrap();
        let table = Router::new(registry).table();
        assert_eq!(names(&table, &event()), ["deals", "all"]);
        let odd = Event::unreadable(Sender::HubSpot, Bytes::from_static(b"{}"));
        assert_eq!(names(&table, &odd), ["all"]);
    }

    #[test]
    fn a_table_in_use_stays_as_it_was_when_another_takes_its_place() {
        let of = |names: &[&str]| {
            let mut registry = Registry::new();
            for name in names {
                registry.add(name, |_| true, nothing).unwrap();
            }
            registry
        };
        let router = Router::new(of(&["stays", "goes"]));
        let in_use = router.table();
        assert_eq!(router.replace(of(&["comes", "stays"])), ["goes".into()].into());
        assert_eq!(names(&in_use, &event()), ["stays", "goes"]);
        assert_eq!(names(&router.table(), &event()), ["comes", "stays"]);
        assert!(router.table().get("goes").is_none());
    }
}
