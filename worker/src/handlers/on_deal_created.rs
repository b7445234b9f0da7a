//! A deal was created: tells the channel. The smallest useful handler, to be copied from.

use shared::senders::hubspot::HubSpotEvent;

use super::record::record_id;
use crate::clients::slack::Message;
use crate::context::Context;
use crate::registry::HandlerResult;

const PROPERTIES: [&str; 3] = ["dealname", "amount", "deal_currency_code"];

/// Once for each deal: two subscriptions can tell of its creation, each by an event of its own.
pub(super) async fn on_deal_created(cx: &Context, event: &HubSpotEvent) -> HandlerResult {
    let slack = cx.clients().needed_slack()?;
    let deal_id = record_id(event)?;
    let deal = cx.hubspot()?.deal(deal_id, &PROPERTIES).await?;
    let message = Message::new("New deal", &deal.name())
        .link(deal.page())
        .fact("Amount", deal.amount().map(|amount| amount.to_string()).as_deref());
    let fact = format!("deal-created/{}/{deal_id}", event.portal_id);
    cx.mark("slack", cx.once(&fact, slack.post(cx, &message))).await
}
