//! A contact became a customer: onboarding starts.

use shared::event::Event;

use super::record_id;
use crate::context::Context;
use crate::registry::HandlerResult;

/// When `on_deal_closed` makes a contact a customer that is the app's own write, which is acted
/// on only with `HANDLE_OWN_WRITES`. It is safe here: this handler writes nothing to HubSpot.
pub(super) async fn on_contact_became_customer(cx: &Context, event: &Event) -> HandlerResult {
    let onboarding = cx.clients().needed_onboarding()?;
    let contact_id = record_id(event)?;
    cx.step("onboarding", onboarding.start(event.portal_id, contact_id)).await
}
