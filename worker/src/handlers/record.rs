//! The record that an event is about.

use shared::senders::hubspot::HubSpotEvent;

use crate::error::HandlerError;

/// The id of the record that the event is about. That there is none will not change.
pub(super) fn record_id(event: &HubSpotEvent) -> Result<u64, HandlerError> {
    event.object_id.ok_or_else(|| {
        HandlerError::permanent("NO_OBJECT_ID", "the event does not say which record it is about")
    })
}
