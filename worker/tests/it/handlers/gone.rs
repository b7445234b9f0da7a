//! Records that are not there: nothing to do, and nothing that anybody has to look after.

use shared::clock::now_ms;
use shared::message::DeathReason;
use worker::stand_ins::Fault;

use super::shop::{Shop, UPDATE, changed, closed, event, told};
use crate::harness::{Admin, Engine, on_every_engine, wait_for_verdicts};

async fn a_deal_that_does_not_exist_is_no_dead_letter(engine: Engine) {
    let shop = Shop::open(engine).await;
    for event in [
        event("deal.creation", 123, ""),
        closed(123),
        changed("deal.propertyChange", 123, "dealstage", "contractsent"),
    ] {
        shop.publish_twice(&event).await;
    }
    wait_for_verdicts(&shop.worker, "gone", 6).await;
    let asked = shop.calls("hubspot", "/crm/v3/objects/deals/123").len();
    assert_eq!(asked, 6, "an old event's record does not turn up");
    shop.close().await;
}

/// As when a version of it loses support: the records themselves are there.
async fn a_path_that_is_not_there_makes_nobody_gone(engine: Engine) {
    let shop = Shop::open(engine).await;
    for (deal, path) in [(7, "/associations/"), (8, UPDATE)] {
        shop.won_deal(deal, &[20, 30]);
        let (method, code) = match path {
            UPDATE => ("POST", "HUBSPOT_CONTACTS_REFUSED"),
            _ => ("GET", "HUBSPOT_404"),
        };
        shop.stand_ins.fail(Fault::new("hubspot", 404).on(method, path));
        shop.publish(&closed(deal)).await;
        let death = shop.rig.queues.take("dead").await.message.unwrap().death.unwrap();
        assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, code), "{path}");
        shop.stand_ins.heal();
    }
    shop.close().await;
}

/// As of HubSpot's Test button: the event is new, and its record has never been there.
async fn a_new_event_looks_for_its_record_as_long_as_attempts_last(engine: Engine) {
    let shop = Shop::open(engine).await;
    let test = told(100, now_ms(), &event("deal.creation", 123, ""));
    shop.publish(&test).await;
    wait_for_verdicts(&shop.worker, "gone", 1).await;
    let retried = ["verdict=\"retried\""];
    assert_eq!(Admin::of(&shop.worker).sum("hubline_deliveries_total", &retried).await, 3);
    shop.publish(&test.replace("ATTEMPT", "1")).await;
    wait_for_verdicts(&shop.worker, "stale", 1).await;
    shop.close().await;
}

/// As with a token of another portal, once that is mended.
async fn what_was_gone_by_mistake_is_done_when_it_comes_again(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.publish(&closed(7)).await;
    wait_for_verdicts(&shop.worker, "gone", 1).await;
    shop.won_deal(7, &[]);
    shop.publish_twice(&closed(7)).await;
    shop.done(1, 1).await;
    assert_eq!(shop.stand_ins.orders().len(), 1);
    shop.close().await;
}

/// HubSpot had tried for a day to deliver it.
async fn an_old_event_that_has_just_come_in_is_judged_by_when_it_happened(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "50"]).await;
    let day_ms = 24 * 3600 * 1000;
    shop.publish(&told(1, now_ms() - day_ms, &event("contact.creation", 320, ""))).await;
    shop.publish(&told(2, now_ms() - day_ms, &event("deal.creation", 123, ""))).await;
    wait_for_verdicts(&shop.worker, "gone", 2).await;
    let retried = ["verdict=\"retried\""];
    assert_eq!(Admin::of(&shop.worker).sum("hubline_deliveries_total", &retried).await, 0);
    shop.close().await;
}

on_every_engine! {
    a_deal_that_does_not_exist_is_no_dead_letter
    a_path_that_is_not_there_makes_nobody_gone
    a_new_event_looks_for_its_record_as_long_as_attempts_last
    what_was_gone_by_mistake_is_done_when_it_comes_again
    an_old_event_that_has_just_come_in_is_judged_by_when_it_happened
}
