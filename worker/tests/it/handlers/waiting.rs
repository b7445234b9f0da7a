//! Runs that find no room: they wait for their turn, and nothing of it is a failure.

use std::time::Duration;

use serde_json::json;
use shared::message::DeathReason;
use worker::stand_ins::Fault;

use super::shop::{Shop, event};
use crate::harness::{Admin, Engine, on_every_engine};

/// One attempt each: whatever counted as a failure would be a dead letter.
const ONE: [&str; 2] = ["--retry-attempts", "1"];

const LIMITED: &str = "verdict=\"limited\"";

async fn a_channels_pace_is_kept_by_waiting_in_line(engine: Engine) {
    let pace = Duration::from_millis(2500);
    let shop = Shop::set_up(engine, &ONE, |settings| settings.slack_pace = pace).await;
    for deal in 1..=4 {
        shop.won_deal(deal, &[]);
        shop.publish(&event("deal.creation", deal, "")).await;
    }
    shop.done(4, 0).await;
    let calls = shop.calls("slack", "/chat.postMessage");
    assert!(calls.len() == 4 && calls.iter().all(|call| call.status == 200), "{calls:?}");
    // They came back in their order, each once: no place is given twice.
    let put_off = Admin::of(&shop.worker).sum("hubline_deliveries_total", &[LIMITED]).await;
    assert!((1..=3).contains(&put_off), "{put_off}");
    shop.close().await;
}

async fn a_429_holds_everybody_back_and_spends_no_attempt(engine: Engine) {
    let shop = Shop::with(engine, &ONE).await;
    shop.stand_ins.fail(Fault::new("erp", 429).header("Retry-After", "2").times(1));
    shop.stand_ins.put_contact(1);
    shop.publish(&event("contact.creation", 1, "")).await;
    shop.wait_for_call("erp", "/customers").await;
    for contact in 2..=5 {
        shop.stand_ins.put_contact(contact);
        shop.publish(&event("contact.creation", contact, "")).await;
    }
    shop.done(5, 0).await;
    let refused = |call: &&worker::stand_ins::Call| call.status == 429;
    let calls = shop.calls("erp", "/customers");
    assert_eq!((calls.len(), calls.iter().filter(refused).count()), (6, 1), "{calls:?}");
    shop.close().await;
}

async fn slack_says_so_within_a_200_too(engine: Engine) {
    let shop = Shop::with(engine, &ONE).await;
    let limited = json!({ "ok": false, "error": "ratelimited" });
    let fault = Fault::new("slack", 200).header("Retry-After", "1").body(limited);
    shop.stand_ins.fail(fault.times(1));
    shop.won_deal(7, &[]);
    shop.publish(&event("deal.creation", 7, "")).await;
    shop.done(1, 0).await;
    assert_eq!(shop.calls("slack", "/chat.postMessage").len(), 2);
    shop.close().await;
}

async fn waiting_has_an_end(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "1", "--wait-max", "1s"]).await;
    shop.stand_ins.fail(Fault::new("erp", 429).header("Retry-After", "1"));
    shop.stand_ins.put_contact(1);
    shop.publish(&event("contact.creation", 1, "")).await;
    let death = shop.rig.queues.take("dead").await.message.unwrap().death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "WAITED_TOO_LONG"));
    assert!(death.error.contains("WAIT_MAX") && death.error.contains("ERP_429"), "{}", death.error);
    shop.close().await;
}

/// What passes between attempts is no waiting, or a long schedule would leave no time for it.
async fn only_waits_count_as_waiting(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "8", "--wait-max", "1500ms"]).await;
    shop.stand_ins.fail(Fault::new("erp", 503).times(5));
    shop.stand_ins.fail(Fault::new("erp", 429).header("Retry-After", "1").times(1));
    shop.stand_ins.put_contact(1);
    shop.publish(&event("contact.creation", 1, "")).await;
    shop.done(1, 0).await;
    let statuses = shop.calls("erp", "/customers").into_iter().map(|call| call.status);
    assert_eq!(statuses.collect::<Vec<_>>()[5..], [429, 201]);
    shop.close().await;
}

on_every_engine! {
    only_waits_count_as_waiting
    a_channels_pace_is_kept_by_waiting_in_line
    a_429_holds_everybody_back_and_spends_no_attempt
    slack_says_so_within_a_200_too
    waiting_has_an_end
}
