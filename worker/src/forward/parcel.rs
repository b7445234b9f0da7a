//! What is sent, to whatever kind of destination.

use shared::event::Event;

use super::choice::Body;

/// How the name of a test begins. That of an event's delivery begins with a number in hex.
const TEST: &str = "test_";

/// An event on its way over a route, or one that a destination is tried with.
pub(crate) struct Parcel {
    name: String,
    pub(super) body: Body,
}

impl Parcel {
    pub(crate) fn of(route: &str, event: &Event, body: Body) -> Self {
        Self { name: format!("{}_{route}", event.identity), body }
    }

    /// One that tries a destination: no two have the same name.
    pub(crate) fn test(body: Body) -> Self {
        Self { name: format!("{TEST}{:032x}", rand::random::<u128>()), body }
    }

    /// What names it: the same in every attempt and replay, and another for each route. No full stop is in it:
    /// Standard Webhooks parts what is signed by one.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it only tries the destination.
    pub(super) fn is_test(&self) -> bool {
        self.name.starts_with(TEST)
    }
}
