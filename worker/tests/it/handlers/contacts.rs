//! A contact's events that come when the contact is no longer what they say.

use shared::clock::now_ms;
use worker::stand_ins::Fault;

use super::shop::{Shop, changed, event, told};
use crate::harness::{Engine, on_every_engine, wait_for_verdicts};

const PATIENT: [&str; 2] = ["--retry-attempts", "12"];

fn methods(shop: &Shop, contact: u64) -> Vec<String> {
    let calls = shop.calls("erp", &format!("/customers/{contact}")).into_iter();
    calls.map(|call| call.method).collect()
}

async fn a_contact_that_was_merged_away_while_the_erp_was_down_is_not_put_back(engine: Engine) {
    let shop = Shop::with(engine, &PATIENT).await;
    shop.stand_ins.put_contact(320);
    shop.stand_ins.fail(Fault::new("erp", 503).on("PUT", "/customers/320"));
    shop.publish(&event("contact.creation", 320, "")).await;
    shop.wait_for_call("erp", "/customers/320").await;
    shop.stand_ins.merge_contact(320, 999);
    shop.stand_ins.heal();
    wait_for_verdicts(&shop.worker, "gone", 1).await;
    shop.publish(&event("contact.creation", 320, "")).await;
    wait_for_verdicts(&shop.worker, "stale", 1).await;
    assert!(shop.stand_ins.customers().is_empty());
    shop.close().await;
}

/// It comes late, and is the first that Hubline hears of the contact.
async fn an_old_event_does_not_put_back_who_is_gone(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.publish_twice(&event("contact.creation", 320, "")).await;
    wait_for_verdicts(&shop.worker, "gone", 2).await;
    assert!(methods(&shop, 320).is_empty());
    shop.close().await;
}

async fn a_customer_is_left_alone_if_the_contact_is_restored_meanwhile(engine: Engine) {
    let shop = Shop::with(engine, &PATIENT).await;
    shop.stand_ins.put_contact(310);
    shop.publish(&event("contact.creation", 310, "")).await;
    shop.done(1, 0).await;
    shop.stand_ins.delete_contact(310);
    shop.stand_ins.fail(Fault::new("erp", 503).on("DELETE", "/customers/310"));
    shop.publish(&event("contact.deletion", 310, "")).await;
    let tried = |call: &worker::stand_ins::Call| call.method == "DELETE";
    crate::harness::within("a try", shop.stand_ins.wait_for(1, tried)).await;
    shop.stand_ins.put_contact(310);
    shop.publish(&event("contact.restore", 310, "")).await;
    shop.stand_ins.heal();
    shop.done(3, 0).await;
    assert!(shop.stand_ins.customers().contains("310"));
    shop.publish(&event("contact.deletion", 310, "")).await;
    shop.done(3, 1).await;
    shop.close().await;
}

/// Seconds after a deletion HubSpot may still have the contact: that is not yet a restored one.
async fn a_deletion_that_hubspot_has_not_noticed_is_put_off(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "1"]).await;
    shop.stand_ins.put_contact(310);
    // HubSpot has some seconds left to notice it.
    let deletion = told(1, now_ms() - 55_000, &event("contact.deletion", 310, ""));
    shop.publish(&deletion).await;
    wait_for_verdicts(&shop.worker, "limited", 1).await;
    assert!(methods(&shop, 310).is_empty());
    shop.stand_ins.delete_contact(310);
    shop.done(1, 0).await;
    shop.publish_again(&deletion).await;
    assert_eq!(methods(&shop, 310), ["DELETE"]);
    shop.close().await;
}

async fn a_contact_that_is_restored_is_put_back(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.stand_ins.put_contact(300);
    shop.publish_twice(&event("contact.creation", 300, "")).await;
    shop.done(1, 1).await;
    shop.stand_ins.delete_contact(300);
    shop.publish_twice(&event("contact.deletion", 300, "")).await;
    shop.done(2, 2).await;
    assert!(shop.stand_ins.customers().is_empty());
    shop.stand_ins.put_contact(300);
    shop.publish_twice(&event("contact.restore", 300, "")).await;
    shop.done(3, 3).await;
    assert!(shop.stand_ins.customers().contains("300"));
    let calls = shop.calls("erp", "/customers/300");
    assert!(calls.iter().all(|call| call.idempotency_key.is_none()), "{calls:?}");
    shop.close().await;
}

async fn of_a_merge_the_erp_has_the_contact_that_is_left(engine: Engine) {
    let shop = Shop::open(engine).await;
    for contact in [100, 200] {
        shop.stand_ins.put_contact(contact);
        shop.publish(&event("contact.creation", contact, "")).await;
    }
    shop.done(2, 0).await;
    shop.stand_ins.merge_contact(100, 900);
    shop.stand_ins.merge_contact(200, 900);
    let ids = r#","primaryObjectId":100,"mergedObjectIds":[200],"newObjectId":900"#;
    shop.publish_twice(&event("contact.merge", 900, ids)).await;
    shop.done(3, 1).await;
    assert_eq!(shop.stand_ins.customers().into_iter().collect::<Vec<_>>(), ["900"]);
    for contact in [200, 100] {
        shop.publish_twice(&event("contact.deletion", contact, "")).await;
    }
    shop.done(5, 3).await;
    assert_eq!(shop.stand_ins.customers().into_iter().collect::<Vec<_>>(), ["900"]);
    shop.close().await;
}

async fn who_has_gone_while_onboarding_was_down_is_not_onboarded(engine: Engine) {
    let shop = Shop::with(engine, &PATIENT).await;
    shop.stand_ins.put_contact(500);
    shop.stand_ins.fail(Fault::new("onboarding", 503));
    let became = changed("contact.propertyChange", 500, "lifecyclestage", "customer");
    shop.publish(&became).await;
    shop.wait_for_call("onboarding", "/").await;
    shop.stand_ins.delete_contact(500);
    shop.stand_ins.heal();
    wait_for_verdicts(&shop.worker, "gone", 1).await;
    shop.publish(&became).await;
    wait_for_verdicts(&shop.worker, "stale", 1).await;
    assert!(shop.calls("onboarding", "/").iter().all(|call| call.status == 503));
    shop.close().await;
}

on_every_engine! {
    a_contact_that_was_merged_away_while_the_erp_was_down_is_not_put_back
    an_old_event_does_not_put_back_who_is_gone
    a_customer_is_left_alone_if_the_contact_is_restored_meanwhile
    a_deletion_that_hubspot_has_not_noticed_is_put_off
    a_contact_that_is_restored_is_put_back
    of_a_merge_the_erp_has_the_contact_that_is_left
    who_has_gone_while_onboarding_was_down_is_not_onboarded
}
