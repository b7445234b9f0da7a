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
use crate::run::Run;

/// Refusals of what the body says. Where nothing else was ever answered to the key there is no order
/// under it, and once people have mended the deal a new body may go out, under a new key.
const REFUSALS: [&str; 2] = ["ERP_400", "ERP_422"];

/// Contacts that one step keeps: a deal can have thousands, and a step is small. Ids have 20 digits at
/// the most.
const CHUNK: usize = 500;

/// Asks `erp` for `order`, or for what was composed for this closing before: the claim of the fact
/// keeps that, as steps.
pub(super) async fn place(cx: &Context, erp: &Erp, order: Order, won_ms: i64) -> HandlerResult {
    let fact = format!("order/{}/{}/{won_ms}", order.portal_id, order.deal_id);
    let name = format!("{}-{}-{won_ms}", order.portal_id, order.deal_id);
    cx.within(&fact, |run| async move {
        let mut revision = 0;
        while run.is_done(&format!("refused-{revision}")) {
            revision += 1;
        }
        let order = keep(&run, order, revision)?;
        let key = match revision {
            0 => format!("hubline-order-{name}"),
            _ => format!("hubline-order-{name}-{revision}"),
        };
        // A forced replay asks again, with the same body.
        let step = format!("ordered-{}", run.generation());
        let sending = async {
            let sendings = Sendings::of(&run, revision);
            // Before it goes out: whoever is cut off or dies has sent it for all that is known.
            sendings.begin().await?;
            let answer = erp.create_order(&order, &key).await;
            match answer {
                Err(error) if is_refusal(&error) && sendings.is_any_open => Err(unsure(error)),
                Err(error) if is_refusal(&error) => {
                    run.keep(&format!("refused-{revision}"), ()).await?;
                    Err(error)
                }
                Err(error) if has_made_nothing(&error) => {
                    sendings.close().await?;
                    Err(error)
                }
                answer => answer,
            }
        };
        run.step(&step, run.at(Service::Erp, sending)).await
    })
    .await
}

/// What was sent under one key: each sending by a number, and open as long as it may have made an order.
struct Sendings<'a> {
    run: &'a Run,
    revision: u32,
    /// The one that is to come.
    number: u32,
    /// Whether one before it is open.
    is_any_open: bool,
}

impl<'a> Sendings<'a> {
    fn of(run: &'a Run, revision: u32) -> Self {
        let mut sendings = Self { run, revision, number: 0, is_any_open: false };
        while run.is_done(&sendings.step("sent")) {
            sendings.is_any_open |= !run.is_done(&sendings.step("unmade"));
            sendings.number += 1;
        }
        sendings
    }

    fn step(&self, what: &str) -> String {
        format!("{what}-{}-{}", self.revision, self.number)
    }

    async fn begin(&self) -> HandlerResult {
        self.run.keep(&self.step("sent"), ()).await
    }

    async fn close(&self) -> HandlerResult {
        self.run.keep(&self.step("unmade"), ()).await
    }
}

/// A refusal after an answer that said nothing: perhaps it is about the order that is there.
fn unsure(error: HandlerError) -> HandlerError {
    let message =
        format!("{}; a request before may have made the order: look in the ERP", error.message);
    HandlerError { message, ..error }
}

/// Whether the ERP did not look at the order: it wants to be left alone, or lets nobody in.
fn has_made_nothing(error: &HandlerError) -> bool {
    matches!(error.kind, Failure::Deferred { .. } | Failure::Permanent)
}

fn is_refusal(error: &HandlerError) -> bool {
    error.kind == Failure::Permanent && REFUSALS.contains(&&*error.code)
}

/// The body as it was first composed; on its way to the ledger, where it is before it is sent.
fn keep(run: &Run, mut order: Order, revision: u32) -> Result<Order, HandlerError> {
    let contact_ids = std::mem::take(&mut order.contact_ids);
    let composed = (order, contact_ids.len());
    let (mut order, count) = run.keep_with_next(&format!("order-{revision}"), composed)?;
    // By what is kept, not by numbers: another version may have kept more at once.
    for number in 0.. {
        let known = order.contact_ids.len();
        if known >= count {
            break;
        }
        let chunk: Vec<u64> = contact_ids.iter().skip(known).take(CHUNK).copied().collect();
        order
            .contact_ids
            .extend(run.keep_with_next(&format!("contacts-{revision}-{number}"), chunk)?);
        if order.contact_ids.len() == known {
            break;
        }
    }
    Ok(order)
}
