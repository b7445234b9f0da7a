//! A contact was deleted, be it for privacy: the ERP forgets the customer.

use shared::event::Event;

use super::record_id;
use crate::context::Context;
use crate::registry::HandlerResult;

/// A deletion for privacy comes as two events in any order. Both ask the ERP under one
/// idempotency key, and that the customer is gone already is as good.
pub(super) async fn on_contact_removed(cx: &Context, event: &Event) -> HandlerResult {
    let Some(erp) = cx.clients().erp() else { return Ok(()) };
    let contact_id = record_id(event)?;
    cx.step("erp", erp.delete_customer(event.portal_id, contact_id)).await
}
