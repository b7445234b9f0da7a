//! A contact was created: the ERP gets the customer.

use shared::event::Event;

use super::record_id;
use crate::context::Context;
use crate::registry::HandlerResult;

/// An event that comes late, after the ERP was down, may be overtaken by the contact's deletion:
/// a contact that is gone is not put back.
pub(super) async fn on_contact_created(cx: &Context, event: &Event) -> HandlerResult {
    let erp = cx.clients().needed_erp()?;
    let contact_id = record_id(event)?;
    if cx.clients().has_hubspot() && cx.hubspot()?.contact_is_gone(contact_id).await? {
        tracing::info!(
            portal.id = event.portal_id,
            contact.id = contact_id,
            "contact is gone, skipping"
        );
        return Ok(());
    }
    cx.step("erp", erp.put_customer(event.portal_id, contact_id)).await
}
