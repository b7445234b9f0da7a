//! What is sent, to whatever kind of destination.

use shared::event::Event;

use super::choice::Body;

/// An event on its way over a route.
pub(crate) struct Parcel<'a> {
    pub(crate) route: &'a str,
    pub(crate) event: &'a Event,
    pub(crate) body: Body,
}

impl Parcel<'_> {
    /// What names it: the same in every attempt and replay, and another for each route. No full stop is in it:
    /// Standard Webhooks parts what is signed by one.
    pub(crate) fn name(&self) -> String {
        format!("{}_{}", self.event.identity, self.route)
    }
}
