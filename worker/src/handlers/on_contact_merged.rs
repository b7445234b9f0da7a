//! Contacts were merged: the ERP forgets those that are no longer there, and gets the one that is.

use std::collections::BTreeSet;

use shared::senders::hubspot::HubSpotEvent;

use super::customer;
use super::parts::all_of;
use super::record::record_id;
use crate::clients::Service;
use crate::clients::erp::Erp;
use crate::context::Context;
use crate::registry::HandlerResult;

/// What is left of a merge is a contact of its own today (`newObjectId`); it was the primary one.
pub(super) async fn on_contact_merged(cx: &Context, event: &HubSpotEvent) -> HandlerResult {
    let erp = cx.clients().needed_erp()?;
    let survivor = event.merge_survivor().map_or_else(|| record_id(event), Ok)?;
    let removed = event.merged_away();
    // Side by side: the one that is left is put also while a customer cannot be removed.
    let (removed, put) =
        tokio::join!(remove(cx, erp, &removed), customer::put(cx, event, erp, survivor));
    all_of([removed, put])
}

async fn remove(cx: &Context, erp: &Erp, contacts: &BTreeSet<u64>) -> HandlerResult {
    for contact_id in contacts {
        cx.step(
            &format!("erp-remove-{contact_id}"),
            cx.at(Service::Erp, erp.delete_customer(*contact_id)),
        )
        .await?;
    }
    Ok(())
}
