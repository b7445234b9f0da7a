//! A deal moved to a stage that is not a won one: tells the channel, by the stage's label.

use shared::event::Event;

use super::record_id;
use crate::clients::slack::Message;
use crate::context::Context;
use crate::registry::HandlerResult;

/// The message is about the move that the event tells of, also when the deal has moved on since:
/// that move has a message of its own.
pub(super) async fn on_deal_stage_changed(cx: &Context, event: &Event) -> HandlerResult {
    let slack = cx.clients().needed_slack()?;
    let (deal_id, hubspot) = (record_id(event)?, cx.hubspot()?);
    let stage = event.property("dealstage").unwrap_or_default();
    let (deal, label) =
        tokio::try_join!(hubspot.deal(deal_id, &["dealname"]), hubspot.stage_label(stage))?;
    let message =
        Message::new("Deal moved", &deal.name()).link(deal.page()).fact("Stage", Some(&label));
    cx.step("slack", slack.post(cx, &message)).await
}
