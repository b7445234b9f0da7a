//! A contact was deleted: the ERP forgets the customer. Deleted for privacy: the records forget what
//! the contact's events said, too.

use shared::event::{Change, Event};

use super::outcome::all_of;
use super::record_id;
use crate::context::Context;
use crate::error::HandlerError;
use crate::records::Records;
use crate::registry::HandlerResult;

/// A deletion for privacy comes as two events in any order. Both ask the ERP under one
/// idempotency key, and that the customer is gone already is as good. Only the one that names
/// privacy erases, without an ERP too: then it ends as `skipped`, and can be run later.
pub(super) async fn on_contact_removed(cx: &Context, event: &Event) -> HandlerResult {
    // Side by side: that the ERP is down holds back no erasure.
    let (customer, records) = tokio::join!(forget(cx, event), erase(cx, event));
    all_of([customer, records])
}

async fn forget(cx: &Context, event: &Event) -> HandlerResult {
    let erp = cx.clients().needed_erp()?;
    let contact_id = record_id(event)?;
    cx.step("erp", erp.delete_customer(event.portal_id, contact_id)).await
}

async fn erase(cx: &Context, event: &Event) -> HandlerResult {
    let Some(records) = erasing(cx, event) else { return Ok(()) };
    let contact_id = record_id(event)?;
    let erasing = async {
        let erased = records.erase_contact(event.portal_id, contact_id).await;
        let rows = erased.map_err(|error| {
            HandlerError::transient("RECORDS_UNAVAILABLE", format_args!("{error:#}"))
        })?;
        tracing::info!(
            portal.id = event.portal_id,
            contact.id = contact_id,
            rows,
            "contact erased from the records"
        );
        Ok(())
    };
    cx.step("records", erasing).await
}

/// The records, if the contact is to be erased from them.
fn erasing<'a>(cx: &'a Context, event: &Event) -> Option<&'a Records> {
    cx.records().filter(|_| event.change() == Change::PrivacyDeletion)
}
