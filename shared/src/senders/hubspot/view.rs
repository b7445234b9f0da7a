//! An event as HubSpot's facts, read when somebody asks for them, and once for all who do.

use super::error::EventError;
use super::event::HubSpotEvent;
use crate::event::Event;

impl Event {
    /// The facts of an event that HubSpot sent.
    pub fn hubspot(&self) -> Result<&HubSpotEvent, EventError> {
        let view = self.view(|event| HubSpotEvent::of(event.body(), event.identity.clone()));
        view.as_ref().map_err(|error| *error)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use bytes::Bytes;

    use super::*;
    use crate::origin::Sender;

    #[test]
    fn several_who_ask_get_one_and_the_same() {
        let body = super::super::samples::deal_change().to_string();
        let event = Sender::HubSpot.identify(&Bytes::from(body)).unwrap();
        let first = event.hubspot().unwrap();
        assert!(std::ptr::eq(first, event.clone().hubspot().unwrap()));
        assert_eq!(first.identity, event.identity);
        assert_eq!(first.subscription_type, *event.topic);
    }

    #[test]
    fn what_cannot_be_read_says_why_each_time() {
        let event = Event::unreadable(Sender::HubSpot, Bytes::from_static(b"{}"));
        assert_eq!(event.hubspot(), Err(EventError::Missing("portalId")));
        assert_eq!(event.hubspot(), Err(EventError::Missing("portalId")));
    }
}
