//! A contact was created, or came back from deletion: the ERP gets the customer.

use shared::senders::hubspot::HubSpotEvent;

use super::customer;
use super::record::record_id;
use crate::context::Context;
use crate::registry::HandlerResult;

/// An event that comes late may be overtaken by the contact's deletion or a merge: a contact that
/// is gone is not put back.
pub(super) async fn on_contact_created(cx: &Context, event: &HubSpotEvent) -> HandlerResult {
    let erp = cx.clients().needed_erp()?;
    let contact_id = record_id(event)?;
    customer::put(cx, event, erp, contact_id).await
}
