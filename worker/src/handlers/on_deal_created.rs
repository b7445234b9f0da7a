//! A deal was created: tells the channel. The smallest useful handler, to be copied from.

use shared::event::Event;

use super::record_id;
use crate::clients::slack::Message;
use crate::context::Context;
use crate::registry::HandlerResult;

pub(super) async fn on_deal_created(cx: &Context, event: &Event) -> HandlerResult {
    let slack = cx.clients().needed_slack()?;
    let deal = cx.hubspot()?.deal(record_id(event)?, &["dealname", "amount"]).await?;
    let message = Message::new("New deal", &deal.name())
        .link(deal.page())
        .fact("Amount", deal.property("amount"));
    cx.step("slack", slack.post(cx, &message)).await
}
