//! A closing of a deal: one order and one message, whatever is edited and whoever answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use shared::clock::now_ms;
use shared::message::DeathReason;
use worker::stand_ins::{Call, Fault};

use super::shop::{Shop, UPDATE, WON, changed, closed, generic, told};
use crate::harness::{Engine, on_every_engine, wait_for_verdicts, within};

/// The other event of the same closing.
fn signed(id: u64) -> String {
    changed("deal.propertyChange", id, "hs_is_closed_won", "true")
}

fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let others = WON.into_iter().filter(|(other, _)| *other != name);
    others.chain([(name, value)]).collect()
}

async fn a_close_date_that_is_edited_makes_no_second_closing(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.stand_ins.put_deal(7, &with("closedate", "2026-01-22T11:39:53Z"), &[20]);
    shop.publish_twice(&closed(7)).await;
    shop.done(1, 1).await;
    shop.stand_ins.put_deal(7, &with("closedate", "2026-01-31T00:00:00Z"), &[20]);
    shop.publish_twice(&signed(7)).await;
    shop.done(2, 2).await;
    // By the other subscription, which has a number and a time of its own.
    shop.publish(&generic(&told(8, 1_790_000_000_900, &signed(7)), "0-3")).await;
    shop.done(3, 2).await;
    assert_eq!((shop.stand_ins.orders().len(), shop.messages().len()), (1, 1));
    shop.close().await;
}

async fn won_again_without_a_close_date_is_another_closing(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.stand_ins.put_deal_at(7, &WON, &[], 1_790_000_000_000);
    shop.publish_twice(&closed(7)).await;
    shop.done(1, 1).await;
    let open = [("dealstage", "contractsent"), ("hs_is_closed_won", "false")];
    shop.stand_ins.put_deal_at(7, &open, &[], 1_790_000_050_000);
    shop.stand_ins.put_deal_at(7, &WON, &[], 1_790_000_090_000);
    for (number, event) in [closed(7), signed(7)].iter().enumerate() {
        shop.publish_twice(&told(100 + number as u64, 1_790_000_090_000, event)).await;
    }
    shop.done(3, 3).await;
    let keys: BTreeSet<_> =
        shop.calls("erp", "/orders").into_iter().filter_map(|call| call.idempotency_key).collect();
    let key = |won_ms: &str| format!("hubline-order-62515-7-{won_ms}");
    assert_eq!(keys, [key("1790000000000"), key("1790000090000")].into());
    assert_eq!((shop.stand_ins.orders().len(), shop.messages().len()), (2, 2));
    shop.close().await;
}

async fn a_stage_that_only_the_settings_count_as_won_makes_one_closing_too(engine: Engine) {
    let shop = Shop::open(engine).await;
    let stage = [("dealstage", "closedwon"), ("hs_is_closed_won", "false")];
    shop.stand_ins.put_deal_at(7, &stage, &[], 1_790_000_000_000);
    for number in 1..3 {
        shop.publish_twice(&told(number, 1_790_000_000_000 + number.cast_signed(), &closed(7)))
            .await;
    }
    shop.done(2, 2).await;
    assert_eq!((shop.stand_ins.orders().len(), shop.messages().len()), (1, 1));
    shop.close().await;
}

async fn a_closing_that_hubspot_signs_weeks_later_is_still_one(engine: Engine) {
    let shop = Shop::set_up(engine, &[], |settings| {
        settings.won_stages = vec!["contractsigned".to_owned(), "closedwon".to_owned()];
    })
    .await;
    let signing = [("dealstage", "contractsigned"), ("hs_is_closed_won", "false")];
    shop.stand_ins.put_deal_at(7, &signing, &[], 1_790_000_000_000);
    let contract = changed("deal.propertyChange", 7, "dealstage", "contractsigned");
    shop.publish_twice(&contract).await;
    shop.done(1, 1).await;
    shop.stand_ins.put_deal_at(7, &WON, &[], 1_790_000_090_000);
    for (number, event) in [closed(7), signed(7)].iter().enumerate() {
        shop.publish_twice(&told(100 + number as u64, 1_790_000_090_000, event)).await;
    }
    shop.done(3, 3).await;
    assert_eq!((shop.stand_ins.orders().len(), shop.messages().len()), (1, 1));
    shop.close().await;
}

async fn a_closing_that_is_read_too_early_is_not_lost(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "1"]).await;
    let now_ms = now_ms();
    let open = [("dealstage", "contractsent"), ("hs_is_closed_won", "false")];
    shop.stand_ins.put_deal_at(7, &open, &[], now_ms - 60_000);
    // As of fifty seconds ago, so that it is settled soon.
    let event = told(1, now_ms - 50_000, &closed(7));
    shop.publish(&event).await;
    wait_for_verdicts(&shop.worker, "limited", 1).await;
    shop.stand_ins.put_deal_at(7, &WON, &[], now_ms - 50_000);
    shop.done(1, 0).await;
    shop.publish_again(&event).await;
    assert_eq!(shop.stand_ins.orders().len(), 1);
    // Moved on since, it is done with at once.
    shop.stand_ins.put_deal_at(8, &WON, &[], now_ms - 50_000);
    shop.stand_ins.put_deal_at(8, &open, &[], now_ms - 40_000);
    shop.publish(&told(2, now_ms - 50_000, &closed(8))).await;
    shop.done(2, 1).await;
    assert_eq!(shop.stand_ins.orders().len(), 1);
    shop.close().await;
}

async fn a_key_never_carries_two_bodies(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "8"]).await;
    shop.won_deal(7, &[20]);
    shop.stand_ins.fail(Fault::new("erp", 504).on("POST", "/orders"));
    shop.publish(&closed(7)).await;
    shop.wait_for_call("erp", "/orders").await;
    shop.stand_ins.put_deal(7, &with("amount", "150"), &[20, 30]);
    shop.stand_ins.heal();
    shop.done(1, 0).await;
    shop.publish_twice(&signed(7)).await;
    shop.done(2, 1).await;
    let mut bodies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in shop.calls("erp", "/orders") {
        bodies.entry(call.idempotency_key.unwrap()).or_default().push(call.body.to_string());
    }
    for (key, mut bodies) in bodies {
        assert!(bodies.len() > 1, "{key}: {bodies:?}");
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "{key}: {bodies:?}");
    }
    assert_eq!(shop.stand_ins.orders()[0]["amount"], "5000.10");
    shop.close().await;
}

async fn an_order_that_was_refused_is_composed_anew_from_the_mended_deal(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.stand_ins.put_deal(7, &[("dealstage", "closedwon"), ("hs_is_closed_won", "true")], &[]);
    let refusal = json!({ "message": "amount is missing" });
    shop.stand_ins.fail(Fault::new("erp", 422).on("POST", "/orders").body(refusal).times(1));
    shop.publish(&closed(7)).await;
    let letter = shop.rig.queues.take("dead").await.message.unwrap();
    assert_eq!(letter.death.unwrap().code, "ERP_422");
    shop.won_deal(7, &[]);
    shop.publish_twice(&signed(7)).await;
    shop.done(1, 1).await;
    let calls = shop.calls("erp", "/orders");
    assert_ne!(calls[0].idempotency_key, calls[1].idempotency_key, "another body, another key");
    assert_eq!(shop.stand_ins.orders()[0]["amount"], "5000.10");
    shop.close().await;
}

/// The first answer said nothing, so the refusal may be about an order that is there.
async fn an_order_that_may_be_there_gets_no_second_key(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "8"]).await;
    shop.won_deal(7, &[20]);
    shop.stand_ins.fail(Fault::new("erp", 504).on("POST", "/orders").times(1));
    let refusal = json!({ "message": "the key was used with other parameters" });
    shop.stand_ins.fail(Fault::new("erp", 422).on("POST", "/orders").body(refusal).times(1));
    shop.publish(&closed(7)).await;
    let death = shop.rig.queues.take("dead").await.message.unwrap().death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "ERP_422"));
    assert!(death.error.ends_with("look in the ERP"), "{}", death.error);
    shop.stand_ins.put_deal(7, &with("amount", "150"), &[20, 30]);
    shop.publish_twice(&signed(7)).await;
    shop.done(1, 1).await;
    let calls = shop.calls("erp", "/orders");
    let sent: BTreeSet<_> =
        calls.iter().map(|call| (call.idempotency_key.clone(), call.body.to_string())).collect();
    assert_eq!((calls.len(), sent.len()), (3, 1), "{calls:?}");
    shop.close().await;
}

/// So much is known of an ERP that wants to be left alone: it has made no order.
async fn an_order_that_was_put_off_and_then_refused_is_composed_anew(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.won_deal(7, &[]);
    let limit = Fault::new("erp", 429).on("POST", "/orders").header("Retry-After", "1");
    shop.stand_ins.fail(limit.times(1));
    shop.stand_ins.fail(Fault::new("erp", 422).on("POST", "/orders").times(1));
    shop.publish(&closed(7)).await;
    shop.rig.queues.take("dead").await;
    shop.publish_twice(&signed(7)).await;
    shop.done(1, 1).await;
    let calls = shop.calls("erp", "/orders");
    let keys: Vec<_> = calls.into_iter().filter_map(|call| call.idempotency_key).collect();
    assert!(keys.len() == 3 && keys[0] == keys[1] && keys[1] != keys[2], "{keys:?}");
    shop.close().await;
}

async fn an_order_of_many_contacts_is_kept_whole(engine: Engine) {
    let shop = Shop::open(engine).await;
    let contacts: Vec<u64> = (0..1200).map(|number| 9_007_199_254_000_000 + number).collect();
    shop.won_deal(7, &contacts);
    shop.publish(&closed(7)).await;
    shop.done(1, 0).await;
    assert_eq!(shop.stand_ins.orders()[0]["contactIds"], json!(contacts));
    shop.publish_again(&closed(7)).await;
    shop.close().await;
}

async fn an_order_in_progress_is_asked_for_until_it_is_there(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "12"]).await;
    shop.won_deal(7, &[]);
    shop.stand_ins.fail(Fault::new("erp", 409).on("POST", "/orders"));
    shop.publish(&closed(7)).await;
    let orders = |call: &Call| call.path == "/orders";
    within("two questions", shop.stand_ins.wait_for(2, orders)).await;
    shop.stand_ins.heal();
    shop.done(1, 0).await;
    assert_eq!(shop.stand_ins.orders().len(), 1);
    shop.publish_again(&closed(7)).await;
    shop.close().await;
}

async fn an_order_that_stays_in_progress_ends_in_the_dead_letters(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "2"]).await;
    shop.won_deal(7, &[]);
    shop.stand_ins.fail(Fault::new("erp", 409).on("POST", "/orders"));
    shop.publish(&closed(7)).await;
    let death = shop.rig.queues.take("dead").await.message.unwrap().death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Exhausted, "ERP_409"));
    shop.close().await;
}

async fn a_page_that_something_in_between_answers_is_no_order(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "12"]).await;
    shop.won_deal(7, &[]);
    shop.stand_ins.fail(Fault::new("erp", 200).page("<!DOCTYPE html><title>Sign in</title>"));
    shop.publish(&closed(7)).await;
    shop.wait_for_call("erp", "/orders").await;
    shop.stand_ins.heal();
    shop.done(1, 0).await;
    assert_eq!(shop.stand_ins.orders().len(), 1);
    shop.publish_again(&closed(7)).await;
    shop.close().await;
}

async fn one_contact_that_spoils_its_batch_fails_alone(engine: Engine) {
    let shop = Shop::open(engine).await;
    let contacts: Vec<u64> = (1001..=1250).collect();
    shop.won_deal(7, &contacts);
    shop.stand_ins.refuse_batches_with(1150);
    shop.publish(&closed(7)).await;
    let death = shop.rig.queues.take("dead").await.message.unwrap().death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "HUBSPOT_CONTACTS_REFUSED"));
    assert!(
        death.error.starts_with("HubSpot refuses 1 of 250 contacts; 1150: "),
        "{}",
        death.error
    );
    for contact in contacts {
        let stage = shop.stand_ins.contact_property(contact, "lifecyclestage");
        assert_eq!(stage.is_some(), contact != 1150, "{contact}");
    }
    let updates = shop.calls("hubspot", UPDATE).len();
    assert!(updates < 25, "{updates} requests");
    shop.close().await;
}

on_every_engine! {
    a_close_date_that_is_edited_makes_no_second_closing
    won_again_without_a_close_date_is_another_closing
    a_stage_that_only_the_settings_count_as_won_makes_one_closing_too
    a_closing_that_hubspot_signs_weeks_later_is_still_one
    a_closing_that_is_read_too_early_is_not_lost
    a_key_never_carries_two_bodies
    an_order_that_was_refused_is_composed_anew_from_the_mended_deal
    an_order_that_may_be_there_gets_no_second_key
    an_order_that_was_put_off_and_then_refused_is_composed_anew
    an_order_of_many_contacts_is_kept_whole
    an_order_in_progress_is_asked_for_until_it_is_there
    an_order_that_stays_in_progress_ends_in_the_dead_letters
    a_page_that_something_in_between_answers_is_no_order
    one_contact_that_spoils_its_batch_fails_alone
}
