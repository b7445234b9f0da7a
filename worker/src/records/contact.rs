//! Contacts, as events tell of them: what is about one goes when they are erased for privacy.

use shared::origin::Origin;
use shared::senders::hubspot::{Change, HubSpotEvent, ObjectType};

use super::row::from_row;

from_row! {
    /// A contact of an origin.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub(super) struct Contact {
        pub(super) origin: Origin as String,
        pub(super) id: i64,
    }
}

/// The contact that an event is about, that an association starts at or that a merge left, in either
/// spelling of the event's type. Other records can have the same id.
pub(super) fn contact_of(event: &HubSpotEvent) -> Option<i64> {
    let id = match event.change() {
        Change::Merge => event.merge_survivor(),
        _ => event.object_id.or(event.from_object_id),
    };
    id.filter(|_| event.object_type() == ObjectType::Contact).map(u64::cast_signed)
}

/// The contacts that an event tells were merged into the one it is about.
pub(super) fn merged_of(event: &HubSpotEvent) -> Vec<i64> {
    match event.object_type() {
        ObjectType::Contact => event.merged_away().into_iter().map(u64::cast_signed).collect(),
        _ => Vec::new(),
    }
}
