//! A deal was won: its contacts become customers, the channel hears of it, the ERP gets an order.
//!
//! Two events can tell of one closing, `dealstage` and `hs_is_closed_won`, and each is an event
//! of its own. Between them there is one order, by its idempotency key, and one message, by
//! [`once`].

use shared::event::Event;

use super::once::once;
use super::outcome::all_of;
use super::record_id;
use crate::clients::erp::Order;
use crate::clients::hubspot::Deal;
use crate::clients::slack::Message;
use crate::clients::{Service, off};
use crate::context::Context;
use crate::registry::HandlerResult;

const PROPERTIES: [&str; 6] =
    ["dealname", "amount", "hubspot_owner_id", "dealstage", "hs_is_closed_won", "closedate"];

pub(super) async fn on_deal_closed(cx: &Context, event: &Event) -> HandlerResult {
    let clients = cx.clients();
    if !clients.has_hubspot() && clients.slack().is_none() && clients.erp().is_none() {
        let why = "HUBSPOT_ACCESS_TOKEN, SLACK_BOT_TOKEN and ERP_URL are not set";
        return Err(off(Service::HubSpot, why));
    }
    let (deal_id, hubspot) = (record_id(event)?, cx.hubspot()?);
    let (deal, contact_ids) =
        tokio::try_join!(hubspot.deal(deal_id, &PROPERTIES), hubspot.deal_contact_ids(deal_id))?;
    if !hubspot.is_won(&deal) {
        tracing::info!(portal.id = event.portal_id, deal.id, "deal is no longer won, skipping");
        return Ok(());
    }
    // Remembered: the date can be edited between two attempts.
    let closing: String = cx.step("closing", async { Ok(closing(&deal).to_owned()) }).await?;
    // Side by side, and none waits for another to succeed: Slack being down holds back no order.
    let (customers, message, order) = tokio::join!(
        hubspot.set_lifecycle_customer(&contact_ids),
        announce(cx, event, &deal, &closing),
        order(cx, event, &deal, &contact_ids, &closing),
    );
    all_of([customers, message, order])
}

async fn announce(cx: &Context, event: &Event, deal: &Deal, closing: &str) -> HandlerResult {
    let Some(slack) = cx.clients().slack() else { return Ok(()) };
    let message = Message::new("Deal won", &deal.name())
        .link(deal.page())
        .fact("Amount", deal.property("amount"))
        .fact("Owner", deal.property("hubspot_owner_id"));
    let fact = format!("deal-won/{}/{}/{}", event.portal_id, deal.id, closing);
    cx.step("slack", once(cx, &fact, slack.post(cx, &message))).await
}

async fn order(
    cx: &Context,
    event: &Event,
    deal: &Deal,
    contact_ids: &[u64],
    closing: &str,
) -> HandlerResult {
    let Some(erp) = cx.clients().erp() else { return Ok(()) };
    let order = Order {
        portal_id: event.portal_id,
        deal_id: deal.id,
        deal_name: deal.property("dealname"),
        amount: deal.property("amount"),
        owner_id: deal.property("hubspot_owner_id"),
        contact_ids,
        closing,
    };
    cx.step("erp", erp.create_order(&order)).await
}

/// HubSpot has no number for a closing, but it sets the date when a deal is won: won again after
/// it was opened again is another one.
fn closing(deal: &Deal) -> &str {
    deal.property("closedate").unwrap_or_default()
}
