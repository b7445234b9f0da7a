//! Which targets there are now: what the executor asks.
//!
//! Owns the table, which can be replaced while the worker runs. A run keeps the table that it began
//! with, so that a target goes when its last run has ended.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use shared::event::Event;

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

    /// From now on events are for the targets of `registry`. Gives the names that are no longer there.
    pub(crate) fn replace(&self, registry: Registry) -> BTreeSet<Arc<str>> {
        let table = Arc::new(Table::new(registry));
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *current, Arc::clone(&table));
        before.by_name.keys().filter(|name| table.get(name).is_none()).cloned().collect()
    }
}

/// The targets of one moment.
#[derive(Debug)]
pub(crate) struct Table {
    /// In order of registration.
    targets: Vec<Target>,
    by_name: HashMap<Arc<str>, usize>,
}

impl Table {
    pub(crate) fn new(registry: Registry) -> Self {
        let targets = registry.into_targets();
        let names = targets.iter().map(|target| Arc::clone(target.name()));
        let by_name = names.zip(0..).collect();
        Self { targets, by_name }
    }

    /// The target of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Target> {
        self.by_name.get(name).map(|place| &self.targets[*place])
    }

    /// Those that want `event`.
    pub(crate) fn targets_of(&self, event: &Event) -> Vec<&Target> {
        self.targets.iter().filter(|target| target.wants(event)).collect()
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
