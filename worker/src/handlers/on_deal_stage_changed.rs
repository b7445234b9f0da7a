//! A deal moved to a stage that is not a won one: tells the channel, by the stage's label.

use shared::senders::hubspot::HubSpotEvent;

use super::record::record_id;
use crate::clients::hubspot::Deal;
use crate::clients::slack::Message;
use crate::context::Context;
use crate::registry::HandlerResult;

/// A deal and its first stage are saved at once; HubSpot's own clocks for that differ by some ms.
const AT_ONCE_MS: i64 = 2000;

/// The message is about the move that the event tells of, also when the deal has moved on since:
/// that move has a message of its own. Of two events that tell of one move one has it.
pub(super) async fn on_deal_stage_changed(cx: &Context, event: &HubSpotEvent) -> HandlerResult {
    let slack = cx.clients().needed_slack()?;
    let (deal_id, hubspot) = (record_id(event)?, cx.hubspot()?);
    let stage = event.property("dealstage").unwrap_or_default();
    let deal = hubspot.deal_with_history(deal_id, &["dealname"], &["dealstage"]).await?;
    if is_first_stage(&deal, stage, event.occurred_at_ms) {
        tracing::info!(origin = %cx.origin(), deal.id, "a new deal's first stage is no move");
        return Ok(());
    }
    let label = hubspot.stage_label(stage).await?;
    let message =
        Message::new("Deal moved", &deal.name()).link(deal.page()).fact("Stage", Some(&label));
    // Without a time there is no telling one move from the next to the same stage.
    let when = event
        .occurred_at_ms
        .map_or_else(|| event.identity.to_string(), |occurred_ms| occurred_ms.to_string());
    let fact = format!("deal-moved/{}/{deal_id}/{stage}/{when}", event.portal_id);
    cx.mark("slack", cx.once(&fact, slack.post(cx, &message))).await
}

/// Whether the deal was created in that stage: a new deal has a message of its own.
fn is_first_stage(deal: &Deal, stage: &str, occurred_ms: Option<i64>) -> bool {
    let first = deal.history("dealstage").last();
    first.zip(occurred_ms).is_some_and(|(first, occurred_ms)| {
        first.value == stage && occurred_ms <= first.at_ms.saturating_add(AT_ONCE_MS)
    })
}
