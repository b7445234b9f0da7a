//! Events that no other test has, and bodies made of them.

use std::sync::atomic::{AtomicU32, Ordering};

use shared::event::Identity;
use shared::senders::Sender;

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A new event of `portal`, as HubSpot writes it.
pub(crate) fn of_portal(portal: u64) -> String {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(
        r#"{{"eventId":{id},"subscriptionId":4578255,"portalId":{portal},"appId":19635961,"occurredAt":1769081993375,"subscriptionType":"deal.creation","attemptNumber":0,"objectId":{id},"changeFlag":"CREATED","changeSource":"CRM_UI"}}"#
    )
}

/// A new event of one of many portals.
pub(crate) fn fresh() -> String {
    of_portal(u64::from(NEXT.load(Ordering::Relaxed) % 97) + 1)
}

/// So many new events.
pub(crate) fn batch(count: usize) -> Vec<String> {
    (0..count).map(|_| fresh()).collect()
}

/// The events as one body.
pub(crate) fn body<T: AsRef<str>>(events: &[T]) -> String {
    let events: Vec<&str> = events.iter().map(AsRef::as_ref).collect();
    format!("[{}]", events.join(","))
}

pub(crate) fn identity(event: &[u8]) -> Identity {
    Sender::HubSpot.identify(&event.to_vec().into()).unwrap().identity
}
