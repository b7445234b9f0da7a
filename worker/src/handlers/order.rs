//! The order of one closing of a deal: composed once, and asked for until the ERP has it.
//!
//! Owns the idempotency key and the body that belongs to it. Whichever event of the closing comes,
//! and however the deal is edited meanwhile, a key is never sent with two bodies: an ERP would refuse
//! the second one, or take it for another order.

use crate::clients::Service;
use crate::clients::erp::{Erp, Order};
use crate::context::Context;
use crate::error::{Failure, HandlerError};
use crate::registry::HandlerResult;

/// Refusals of what the body says. Only then there is no order and never will be under this key, and
/// once people have mended the deal a new body may go out, under a new key.
const REFUSALS: [&str; 2] = ["ERP_400", "ERP_422"];

/// Contacts that one step keeps: a deal can have thousands, and a step is small.
const CHUNK: usize = 1000;

/// Asks `erp` for `order`, or for what was composed for this closing before: the claim of the fact
/// keeps that, as steps.
pub(super) async fn place(cx: &Context, erp: &Erp, order: Order, won_ms: i64) -> HandlerResult {
    let fact = format!("order/{}/{}/{won_ms}", order.portal_id, order.deal_id);
    let name = format!("{}-{}-{won_ms}", order.portal_id, order.deal_id);
    cx.within(&fact, |cx| async move {
        let mut revision = 0;
        while cx.is_done(&format!("refused-{revision}")) {
            revision += 1;
        }
        let order = keep(&cx, order, revision).await?;
        let key = match revision {
            0 => format!("hubline-order-{name}"),
            _ => format!("hubline-order-{name}-{revision}"),
        };
        // A forced replay asks again, with the same body.
        let step = format!("ordered-{}", cx.generation);
        let placed = cx.step(&step, cx.at(Service::Erp, erp.create_order(&order, &key))).await;
        if placed.as_ref().is_err_and(is_refusal) {
            cx.step(&format!("refused-{revision}"), async { Ok(()) }).await?;
        }
        placed
    })
    .await
}

fn is_refusal(error: &HandlerError) -> bool {
    error.kind == Failure::Permanent && REFUSALS.contains(&&*error.code)
}

/// The body as it was first composed.
async fn keep(cx: &Context, mut order: Order, revision: u32) -> Result<Order, HandlerError> {
    let contact_ids = std::mem::take(&mut order.contact_ids);
    let composed = async { Ok((order, contact_ids.len())) };
    let (mut order, count) = cx.step(&format!("order-{revision}"), composed).await?;
    for number in 0..count.div_ceil(CHUNK) {
        let chunk = contact_ids.chunks(CHUNK).nth(number).unwrap_or_default().to_vec();
        let kept = async { Ok(chunk) };
        order.contact_ids.extend(cx.step(&format!("contacts-{revision}-{number}"), kept).await?);
    }
    Ok(order)
}
