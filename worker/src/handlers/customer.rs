//! The ERP's customer of a contact that is there.
//!
//! Owns what follows if the contact goes while its customer is put: a deletion can overtake a `PUT` that
//! is slow. Whoever has sent one looks again, and takes the customer out.

use std::time::{Duration, Instant};

use shared::senders::hubspot::HubSpotEvent;

use super::contact::{must_be_here, must_not_be_erased};
use crate::clients::Service;
use crate::clients::erp::Erp;
use crate::context::Context;
use crate::error::{Failure, HandlerError};
use crate::registry::HandlerResult;

/// No deletion's event is here and done sooner after HubSpot has said that the contact is there. The
/// second look is a request of the portal's budget, and most need none.
const QUICK: Duration = Duration::from_secs(1);

/// Puts the contact into the ERP, or ends as `gone` and sees that it is not in there.
pub(super) async fn put(
    cx: &Context,
    event: &HubSpotEvent,
    erp: &Erp,
    contact_id: u64,
) -> HandlerResult {
    let looked = Instant::now();
    let here = must_be_here(cx, event, contact_id).await;
    take_back(cx, erp, contact_id, here).await?;
    // Before it goes out: it may be done although no answer comes.
    cx.keep("erp-begun", ()).await?;
    cx.step("erp", cx.at(Service::Erp, erp.put_customer(event.portal_id, contact_id))).await?;
    let here = if looked.elapsed() < QUICK {
        must_not_be_erased(cx, event, contact_id).await
    } else {
        must_be_here(cx, event, contact_id).await
    };
    take_back(cx, erp, contact_id, here).await
}

/// Removes the customer that may have been put, if the contact is gone.
async fn take_back(
    cx: &Context,
    erp: &Erp,
    contact_id: u64,
    here: Result<(), HandlerError>,
) -> HandlerResult {
    let is_gone = here
        .as_ref()
        .is_err_and(|error| matches!(error.kind, Failure::Gone { may_turn_up: false }));
    if is_gone && cx.is_done("erp-begun") {
        cx.step("erp-taken-back", cx.at(Service::Erp, erp.delete_customer(contact_id))).await?;
    }
    here
}
