//! A service that is down: whoever needs it waits for it, and nobody else does.

use std::time::Duration;

use worker::stand_ins::{Call, Fault};

use super::shop::{Shop, event};
use crate::harness::{Admin, Engine, on_every_engine, within};

/// Room for ten calls of one service. An attempt more than the one by which it is found out that the
/// service is down: what spent another would be a dead letter.
const FLAGS: [&str; 4] = ["--concurrency", "20", "--retry-attempts", "2"];
const AT_ONCE: usize = 10;

const RETRIED: &str = "verdict=\"retried\"";

async fn whoever_needs_a_service_that_hangs_waits_and_nobody_else(engine: Engine) {
    let timeout = Duration::from_millis(800);
    let shop = Shop::set_up(engine, &FLAGS, |settings| {
        settings.api_timeout = timeout;
        settings.hubspot_budget = 10_000;
    })
    .await;
    shop.stand_ins.fail(Fault::new("erp", 503).after(Duration::from_secs(3600)));
    for contact in 1..=50 {
        shop.stand_ins.put_contact(contact);
        shop.publish(&event("contact.creation", contact, "")).await;
    }
    let to_erp = |call: &Call| call.api == "erp";
    within("calls that hang", shop.stand_ins.wait_for(AT_ONCE, to_erp)).await;
    for deal in 1..=10 {
        shop.won_deal(deal, &[]);
        shop.publish(&event("deal.creation", deal, "")).await;
    }
    shop.done(10, 0).await;
    assert_eq!(shop.calls("slack", "/chat.postMessage").len(), 10);
    assert_eq!(shop.calls("erp", "/").len(), AT_ONCE, "more calls at once, or after it was down");

    // One probes, in vain: that is no attempt of its run.
    within("a probe", shop.stand_ins.wait_for(AT_ONCE + 1, to_erp)).await;
    let retried = Admin::of(&shop.worker).sum("hubline_deliveries_total", &[RETRIED]).await;
    assert_eq!(retried, AT_ONCE as u64);
    shop.stand_ins.heal();
    shop.done(60, 0).await;
    let calls = shop.calls("erp", "/");
    let done = calls.iter().filter(|call| call.status < 300).count();
    assert_eq!((done, calls.len()), (50, 50 + AT_ONCE + 1), "{calls:?}");
    assert_eq!(shop.stand_ins.customers().len(), 50);
    let retried = Admin::of(&shop.worker).sum("hubline_deliveries_total", &[RETRIED]).await;
    assert_eq!(retried, AT_ONCE as u64, "attempts were spent while it was down");
    shop.close().await;
}

on_every_engine! {
    whoever_needs_a_service_that_hangs_waits_and_nobody_else
}
