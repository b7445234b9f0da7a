//! What is left of a contact when its event is acted on, which can be long after it was sent.
//!
//! Owns the judgement by the time at which the event happened: HubSpot's index lags behind its own
//! events for some seconds. Refuses to act on an event alone where HubSpot or the records know better.

use std::time::Duration;

use shared::origin::Origin;
use shared::senders::hubspot::HubSpotEvent;

use crate::clients::hubspot::{Presence, SETTLED};
use crate::context::Context;
use crate::error::HandlerError;
use crate::registry::HandlerResult;

/// How long the records may take to say whether a contact was erased. They stand beside the work,
/// which never waits for them: HubSpot is asked too.
const RECORDS_TIMEOUT: Duration = Duration::from_secs(2);

/// Gives `gone` unless the contact is there: not deleted, not merged into another, not erased for
/// privacy. Without HubSpot's API the event is believed.
pub(super) async fn must_be_here(
    cx: &Context,
    event: &HubSpotEvent,
    contact_id: u64,
) -> HandlerResult {
    must_not_be_erased(cx, event, contact_id).await?;
    if !cx.clients().has_hubspot() {
        return Ok(());
    }
    match cx.hubspot()?.contact(contact_id).await? {
        Presence::Here => Ok(()),
        Presence::Merged(into) => Err(HandlerError::gone(
            "CONTACT_MERGED",
            format!("contact {contact_id} was merged into {into}"),
        )),
        Presence::Missing => {
            let message = format!("HubSpot knows no contact {contact_id}");
            Err(match unsettled(cx) {
                Some(_) => HandlerError::not_there_yet("CONTACT_MISSING", message),
                None => HandlerError::gone("CONTACT_MISSING", message),
            })
        }
    }
}

/// Gives `gone` if the contact was erased for privacy, as far as the records say.
pub(super) async fn must_not_be_erased(
    cx: &Context,
    event: &HubSpotEvent,
    contact_id: u64,
) -> HandlerResult {
    if is_erased(cx, event.portal_id, contact_id).await {
        let message = format!("contact {contact_id} was erased for privacy");
        return Err(HandlerError::gone("CONTACT_ERASED", message));
    }
    Ok(())
}

/// Whether a contact that was deleted is there after all: it was restored. So shortly after the
/// deletion HubSpot may only not have noticed yet, and the answer is put off, which spends no attempt.
pub(super) async fn is_back(
    cx: &Context,
    event: &HubSpotEvent,
    contact_id: u64,
) -> Result<bool, HandlerError> {
    if !cx.clients().has_hubspot() || is_erased(cx, event.portal_id, contact_id).await {
        return Ok(false);
    }
    match (cx.hubspot()?.contact(contact_id).await?, unsettled(cx)) {
        (Presence::Merged(_) | Presence::Missing, _) => Ok(false),
        (Presence::Here, None) => Ok(true),
        (Presence::Here, Some(wait)) => {
            let message = "HubSpot still has, or has again, the contact that was deleted";
            Err(HandlerError::deferred(wait, "CONTACT_UNSETTLED", message))
        }
    }
}

/// How long HubSpot may still not know what the event tells of; `None` once it does.
fn unsettled(cx: &Context) -> Option<Duration> {
    SETTLED.checked_sub(cx.since_change()).filter(|wait| !wait.is_zero())
}

/// Whether the records have a tombstone of the contact.
async fn is_erased(cx: &Context, portal_id: u64, contact_id: u64) -> bool {
    let Some(records) = cx.records() else { return false };
    let origin = Origin::hubspot(portal_id);
    let asked = tokio::time::timeout(RECORDS_TIMEOUT, records.is_erased(&origin, contact_id));
    if let Ok(Ok(is_erased)) = asked.await {
        return is_erased;
    }
    tracing::warn!(
        %origin,
        contact.id = contact_id,
        "records do not say whether the contact was erased"
    );
    false
}
