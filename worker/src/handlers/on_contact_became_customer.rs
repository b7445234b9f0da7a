//! A contact became a customer: onboarding starts.

use shared::senders::hubspot::HubSpotEvent;

use super::contact::must_be_here;
use super::record::record_id;
use crate::clients::Service;
use crate::context::Context;
use crate::registry::HandlerResult;

/// When `on_deal_closed` makes a contact a customer that is the app's own write, which is acted
/// on only with `HANDLE_OWN_WRITES`. It is safe here: this handler writes nothing to HubSpot.
/// A contact that has gone meanwhile, or was erased, is not onboarded.
pub(super) async fn on_contact_became_customer(
    cx: &Context,
    event: &HubSpotEvent,
) -> HandlerResult {
    let onboarding = cx.clients().needed_onboarding()?;
    let contact_id = record_id(event)?;
    must_be_here(cx, event, contact_id).await?;
    cx.step("onboarding", cx.at(Service::Onboarding, onboarding.start(event.portal_id, contact_id)))
        .await
}
