//! A contact was deleted: the ERP forgets the customer. Deleted for privacy: the records forget what
//! the contact's events said, too.

use std::pin::pin;
use std::time::Duration;

use shared::origin::Origin;
use shared::senders::hubspot::{Change, HubSpotEvent};
use tokio::time::timeout;

use super::contact::is_back;
use super::parts::all_of;
use super::record::record_id;
use crate::clients::Service;
use crate::context::Context;
use crate::error::HandlerError;
use crate::records::Records;
use crate::registry::HandlerResult;

/// The step that removes the customer, once the records know that the contact is erased.
const DONE: &str = "erp";
/// The same while they do not: it is done once more then.
const EARLY: &str = "erp-early";
/// How long the customer waits for that.
const PATIENCE: Duration = Duration::from_secs(5);

/// A deletion for privacy comes as two events in any order. Both ask the ERP, and that the customer
/// is gone already is as good. Only the one that names privacy erases, without an ERP too: then it
/// ends as `skipped`, and can be run later.
pub(super) async fn on_contact_removed(cx: &Context, event: &HubSpotEvent) -> HandlerResult {
    // The tombstone first: whoever puts the customer meanwhile looks for it afterwards.
    let mut erasing = pin!(erase(cx, event));
    let erased = timeout(PATIENCE, &mut erasing).await;
    let name = if erased == Ok(Ok(())) { DONE } else { EARLY };
    // Side by side all the same: neither that the records hang nor that the ERP does holds back the other.
    let (mut customer, records) = tokio::join!(forget(cx, event, name), async {
        match erased {
            Ok(erased) => erased,
            Err(_) => erasing.await,
        }
    });
    if name == EARLY && customer.is_ok() && records.is_ok() {
        customer = forget(cx, event, DONE).await;
    }
    all_of([customer, records])
}

/// Who was deleted can be restored before this comes to be done, and is a customer then. What was
/// deleted for privacy cannot.
async fn forget(cx: &Context, event: &HubSpotEvent, name: &str) -> HandlerResult {
    let erp = cx.clients().needed_erp()?;
    let contact_id = record_id(event)?;
    let is_for_good = event.change() == Change::PrivacyDeletion;
    if !is_for_good && is_back(cx, event, contact_id).await? {
        tracing::info!(
            origin = %cx.origin(),
            contact.id = contact_id,
            "contact is there again, leaving its customer alone"
        );
        return Ok(());
    }
    cx.step(name, cx.at(Service::Erp, erp.delete_customer(contact_id))).await
}

async fn erase(cx: &Context, event: &HubSpotEvent) -> HandlerResult {
    let Some(records) = erasing(cx, event) else { return Ok(()) };
    let contact_id = record_id(event)?;
    let erasing = async {
        let erased = records.erase_contact(&Origin::hubspot(event.portal_id), contact_id).await;
        let rows = erased.map_err(|error| {
            HandlerError::transient("RECORDS_UNAVAILABLE", format_args!("{error:#}"))
        })?;
        tracing::info!(
            origin = %cx.origin(),
            contact.id = contact_id,
            rows,
            "contact erased from the records"
        );
        Ok(())
    };
    cx.step("records", erasing).await
}

/// The records, if the contact is to be erased from them.
fn erasing<'a>(cx: &'a Context, event: &HubSpotEvent) -> Option<&'a Records> {
    cx.records().filter(|_| event.change() == Change::PrivacyDeletion)
}
