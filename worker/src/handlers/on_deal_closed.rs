//! A deal was won: its contacts become customers, the channel hears of it, the ERP gets an order.
//!
//! Two events can tell of one closing, `dealstage` and `hs_is_closed_won`, and each can come by two
//! subscriptions. Between them there is one order and one message: a closing is told by the time at
//! which HubSpot's history has the deal won, which nobody edits.

use std::time::Duration;

use shared::senders::hubspot::HubSpotEvent;

use super::order;
use super::parts::all_of;
use super::record::record_id;
use crate::clients::erp::Order;
use crate::clients::hubspot::{Deal, SETTLED};
use crate::clients::slack::Message;
use crate::clients::{Service, off};
use crate::context::Context;
use crate::error::HandlerError;
use crate::registry::HandlerResult;

const PROPERTIES: [&str; 6] = [
    "dealname",
    "amount",
    "deal_currency_code",
    "hubspot_owner_id",
    "dealstage",
    "hs_is_closed_won",
];

/// What tells a closing.
const HISTORY: [&str; 2] = ["hs_is_closed_won", "dealstage"];

/// HubSpot calculates `hs_is_closed_won` from the stage, a little later.
const CALCULATED: Duration = Duration::from_secs(10);

pub(super) async fn on_deal_closed(cx: &Context, event: &HubSpotEvent) -> HandlerResult {
    let clients = cx.clients();
    if !clients.has_hubspot() && clients.slack().is_none() && clients.erp().is_none() {
        let why = "HUBSPOT_ACCESS_TOKEN, SLACK_BOT_TOKEN and ERP_URL are not set";
        return Err(off(Service::HubSpot, why));
    }
    let (deal_id, hubspot) = (record_id(event)?, cx.hubspot()?);
    let (deal, contact_ids) = tokio::join!(
        hubspot.deal_with_history(deal_id, &PROPERTIES, &HISTORY),
        hubspot.deal_contact_ids(deal_id)
    );
    // The deal's own answer first: only that tells whether it is there.
    let (deal, contact_ids) = (deal?, contact_ids?);
    if !hubspot.is_won(&deal) {
        must_have_moved_on(cx, event, &deal)?;
        tracing::info!(origin = %cx.origin(), deal.id, "deal is no longer won, skipping");
        return Ok(());
    }
    // Remembered: the deal can be opened and won again between two attempts.
    let won_ms: i64 = cx.find("won", async { won_ms(cx, event, &deal) }).await?;
    // Side by side, and none waits for another to succeed: Slack being down holds back no order.
    let (customers, message, order) = tokio::join!(
        hubspot.set_lifecycle_customer(&contact_ids),
        announce(cx, event, &deal, won_ms),
        place_order(cx, event, &deal, contact_ids.clone(), won_ms),
    );
    all_of([customers, message, order])
}

/// A deal that is not won may have been read too early. It has moved on if its history knows of a
/// change after the one that the event tells of.
fn must_have_moved_on(cx: &Context, event: &HubSpotEvent, deal: &Deal) -> HandlerResult {
    let Some(wait) = SETTLED.checked_sub(cx.since_change()).filter(|wait| !wait.is_zero()) else {
        return Ok(());
    };
    let is_later = |at_ms| event.occurred_at_ms.is_some_and(|occurred_ms| at_ms > occurred_ms);
    let mut versions = HISTORY.into_iter().flat_map(|name| deal.history(name));
    if versions.any(|version| is_later(version.at_ms)) {
        return Ok(());
    }
    let message = "HubSpot does not have the deal won yet";
    Err(HandlerError::deferred(wait.min(CALCULATED), "DEAL_UNSETTLED", message))
}

/// Which closing it is. An answer without a history leaves the time of the event, which both events
/// of one closing have from the same save.
fn won_ms(cx: &Context, event: &HubSpotEvent, deal: &Deal) -> Result<i64, HandlerError> {
    let is_signed = deal.property("hs_is_closed_won") == Some("true");
    if !is_signed
        && let Some(wait) = CALCULATED.checked_sub(cx.since_change()).filter(|wait| !wait.is_zero())
    {
        // The sign's time may turn out to be the earlier one, and then it would be two closings.
        let message = "HubSpot has not calculated yet whether the stage is a won one";
        return Err(HandlerError::deferred(wait, "DEAL_UNSETTLED", message));
    }
    let won_since = cx.hubspot()?.won_since(deal);
    Ok(won_since.or(event.occurred_at_ms).unwrap_or_default())
}

async fn announce(cx: &Context, event: &HubSpotEvent, deal: &Deal, won_ms: i64) -> HandlerResult {
    let Some(slack) = cx.clients().slack() else { return Ok(()) };
    let message = Message::new("Deal won", &deal.name())
        .link(deal.page())
        .fact("Amount", deal.amount().map(|amount| amount.to_string()).as_deref())
        .fact("Owner", deal.property("hubspot_owner_id"));
    let fact = format!("deal-won/{}/{}/{won_ms}", event.portal_id, deal.id);
    cx.mark("slack", cx.once(&fact, slack.post(cx, &message))).await
}

async fn place_order(
    cx: &Context,
    event: &HubSpotEvent,
    deal: &Deal,
    contact_ids: Vec<u64>,
    won_ms: i64,
) -> HandlerResult {
    let Some(erp) = cx.clients().erp() else { return Ok(()) };
    let amount = deal.amount();
    let text = |name| deal.property(name).map(str::to_owned);
    let order = Order {
        portal_id: event.portal_id,
        deal_id: deal.id,
        deal_name: text("dealname"),
        amount: amount.as_ref().map(|amount| amount.decimal().to_owned()),
        currency: amount.as_ref().and_then(|amount| amount.currency()).map(str::to_owned),
        owner_id: text("hubspot_owner_id"),
        contact_ids,
    };
    cx.mark("erp", order::place(cx, erp, order, won_ms)).await
}
