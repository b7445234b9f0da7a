//! The built-in handlers against the stand-ins, every event delivered twice.

use serde_json::{Value, json};
use shared::message::DeathReason;
use worker::settings::integrations::IntegrationSettings;
use worker::stand_ins::{Call, Fault};

use crate::harness::{Engine, on_every_engine, wait_for_verdicts, within};

mod closings;
mod contacts;
mod facts;
mod gone;
mod services;
mod shop;
mod tokens;
mod twins;
mod waiting;

use shop::{Shop, UPDATE, changed, closed, event, ids, told};

async fn two_events_of_one_closing_make_one_order_and_one_message(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.won_deal(7, &[30, 20]);
    shop.publish_twice(&closed(7)).await;
    shop.publish_twice(&changed("deal.propertyChange", 7, "hs_is_closed_won", "true")).await;
    shop.done(2, 2).await;
    let order = json!({
        "portalId": 62515, "dealId": 7, "dealName": "Big <one>", "amount": "5000.10",
        "currency": "EUR", "ownerId": null, "contactIds": [20, 30],
    });
    assert_eq!(shop.stand_ins.orders(), [order]);
    let keys: Vec<_> =
        shop.calls("erp", "/orders").into_iter().map(|call| call.idempotency_key).collect();
    let key = keys[0].clone().unwrap();
    assert!(key.starts_with("hubline-order-62515-7-"), "{key}");
    assert_eq!(keys.len(), 1, "the other event finds that it is there");
    let messages = shop.calls("slack", "/chat.postMessage");
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0].body["text"], "Deal won: Big &lt;one&gt; · Amount: €5,000.10");
    for contact in [20, 30] {
        let stage = shop.stand_ins.contact_property(contact, "lifecyclestage");
        assert_eq!(stage.as_deref(), Some("customer"));
    }
    shop.close().await;
}

async fn slack_being_down_repeats_and_holds_back_nothing_else(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.won_deal(7, &[20]);
    shop.stand_ins.fail(Fault::new("slack", 503).times(2));
    shop.publish(&closed(7)).await;
    shop.done(1, 0).await;
    shop.publish_again(&closed(7)).await;
    let slack: Vec<_> = shop.calls("slack", "/").iter().map(|call| call.status).collect();
    assert_eq!(slack, [503, 503, 200]);
    assert_eq!(shop.calls("erp", "/orders").len(), 1);
    assert_eq!(shop.calls("hubspot", UPDATE).len(), 1);
    shop.close().await;
}

async fn only_the_contacts_that_failed_are_updated_again(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "8"]).await;
    let contacts: Vec<u64> = (1..=150).collect();
    shop.won_deal(7, &contacts);
    shop.stand_ins.set_page_size(60);
    shop.stand_ins.refuse_contact(2, Some("RATE_LIMITS"));
    // The retry is seen to fail as well before the contact is let through.
    let partial = |call: &Call| call.status == 207;
    shop.publish(&closed(7)).await;
    within("two partial updates", shop.stand_ins.wait_for(2, partial)).await;
    shop.stand_ins.refuse_contact(2, None);
    shop.done(1, 0).await;
    shop.publish_again(&closed(7)).await;
    let updates = shop.calls("hubspot", UPDATE);
    assert_eq!(updates.iter().take(2).map(|call| ids(call).len()).collect::<Vec<_>>(), [100, 50]);
    assert!(updates.len() > 2 && updates[2..].iter().all(|update| ids(update) == ["2"]));
    assert_eq!(shop.stand_ins.contact_property(2, "lifecyclestage").as_deref(), Some("customer"));
    assert_eq!(shop.calls("slack", "/").len(), 1);
    shop.close().await;
}

async fn a_refused_order_is_a_dead_letter_and_the_rest_is_done(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.won_deal(7, &[20]);
    let refusal = json!({ "message": "amount is too large" });
    shop.stand_ins.fail(Fault::new("erp", 422).on("POST", "/orders").body(refusal));
    shop.publish(&closed(7)).await;
    let letter = shop.rig.queues.take("dead").await.message.unwrap();
    let death = letter.death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "ERP_422"));
    assert_eq!(death.error, "ERP answered 422: amount is too large");
    assert_eq!((shop.calls("slack", "/").len(), shop.calls("hubspot", UPDATE).len()), (1, 1));
    shop.close().await;
}

async fn a_contact_that_hubspot_refuses_for_good_does_not_loop(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.won_deal(7, &[20, 21, 22]);
    shop.stand_ins.refuse_contact(21, Some("VALIDATION_ERROR"));
    shop.stand_ins.delete_contact(22);
    shop.publish(&closed(7)).await;
    let death = shop.rig.queues.take("dead").await.message.unwrap().death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "HUBSPOT_CONTACTS_REFUSED"));
    assert_eq!(shop.calls("hubspot", UPDATE).len(), 1);
    assert_eq!((shop.stand_ins.orders().len(), shop.calls("slack", "/").len()), (1, 1));
    shop.close().await;
}

async fn a_deal_that_is_no_longer_won_is_left_alone(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.stand_ins.put_deal(7, &[("dealstage", "qualifiedtobuy")], &[20]);
    shop.publish_twice(&closed(7)).await;
    shop.done(1, 1).await;
    let reads = shop.stand_ins.calls();
    assert!(reads.iter().all(|call| call.method == "GET") && reads.len() == 2, "{reads:?}");
    shop.close().await;
}

async fn a_record_that_hubspot_does_not_know_yet_is_waited_for(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "8"]).await;
    let creation = told(7, shared::clock::now_ms(), &event("deal.creation", 7, ""));
    shop.publish(&creation).await;
    shop.wait_for_call("hubspot", "/crm/v3/objects/deals/7").await;
    shop.won_deal(7, &[]);
    shop.done(1, 0).await;
    shop.publish_again(&creation).await;
    assert_eq!(shop.calls("slack", "/").len(), 1);
    shop.close().await;
}

async fn hubspots_limit_spends_no_attempt(engine: Engine) {
    let shop = Shop::with(engine, &["--retry-attempts", "1"]).await;
    shop.won_deal(7, &[]);
    let limit = json!({ "policyName": "SECONDLY" });
    shop.stand_ins.fail(Fault::new("hubspot", 429).times(1).body(limit));
    shop.publish_twice(&event("deal.creation", 7, "")).await;
    shop.done(1, 1).await;
    assert_eq!(shop.calls("slack", "/").len(), 1);
    shop.close().await;
}

async fn the_channel_hears_of_new_and_of_moved_deals(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.won_deal(7, &[]);
    shop.stand_ins.put_stage("contractsent", "Contract sent");
    shop.publish_twice(&event("object.creation", 7, r#","objectTypeId":"0-3""#)).await;
    shop.done(1, 1).await;
    for stage in ["contractsent", "12345"] {
        shop.publish_twice(&changed("deal.propertyChange", 7, "dealstage", stage)).await;
    }
    shop.done(3, 3).await;
    let mut texts: Vec<Value> =
        shop.calls("slack", "/").into_iter().map(|call| call.body["text"].clone()).collect();
    texts.sort_by_key(Value::to_string);
    assert_eq!(
        texts,
        [
            "Deal moved: Big &lt;one&gt; · Stage: 12345",
            "Deal moved: Big &lt;one&gt; · Stage: Contract sent",
            "New deal: Big &lt;one&gt; · Amount: €5,000.10",
        ]
    );
    shop.close().await;
}

async fn a_contact_comes_becomes_a_customer_and_goes(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.stand_ins.put_contact(42);
    shop.publish_twice(&event("contact.creation", 42, "")).await;
    shop.done(1, 1).await;
    assert!(shop.stand_ins.customers().contains("42"));
    shop.publish_twice(&changed("contact.propertyChange", 42, "lifecyclestage", "customer")).await;
    shop.done(2, 2).await;
    assert_eq!(shop.calls("onboarding", "/").len(), 1);
    shop.stand_ins.delete_contact(42);
    for kind in ["contact.privacyDeletion", "contact.deletion"] {
        shop.publish_twice(&event(kind, 42, "")).await;
    }
    shop.done(4, 4).await;
    assert!(shop.stand_ins.customers().is_empty());
    let calls: Vec<_> =
        shop.calls("erp", "/customers/42").into_iter().map(|call| call.method).collect();
    assert_eq!(calls, ["PUT", "DELETE", "DELETE"]);
    shop.close().await;
}

/// Five events, one for each handler that has nothing to do without an integration.
fn of_all_handlers() -> [String; 5] {
    [
        closed(7),
        changed("deal.propertyChange", 8, "dealstage", "contractsent"),
        event("deal.creation", 9, ""),
        event("contact.creation", 42, ""),
        changed("contact.propertyChange", 43, "lifecyclestage", "customer"),
    ]
}

async fn what_is_skipped_while_its_integration_is_off_is_done_once_it_is_on(engine: Engine) {
    let shop = Shop::open(engine).await;
    for deal in 7..=9 {
        shop.won_deal(deal, &[42, 43]);
    }
    let Shop { mut rig, stand_ins, worker } = shop;
    worker.stop().await;
    rig.settings.processing.integrations = IntegrationSettings::default();
    let worker = rig.worker(|registry| {
        *registry = worker::handlers::registry(&rig.settings.processing.integrations).unwrap();
    });
    let shop = Shop { rig, stand_ins, worker };
    let gone = event("contact.deletion", 44, "");
    for event in of_all_handlers().iter().chain([&gone]) {
        shop.publish_twice(event).await;
    }
    wait_for_verdicts(&shop.worker, "skipped", 12).await;
    let Shop { mut rig, stand_ins, worker } = shop;
    worker.stop().await;
    assert!(stand_ins.calls().is_empty());

    rig.settings.processing.integrations = stand_ins.settings();
    let worker = rig.worker(|registry| {
        *registry = worker::handlers::registry(&rig.settings.processing.integrations).unwrap();
    });
    let shop = Shop { rig, stand_ins, worker };
    for event in of_all_handlers() {
        shop.publish_twice(&event).await;
    }
    shop.done(5, 5).await;
    assert_eq!(shop.stand_ins.orders().len(), 1);
    assert_eq!(shop.calls("slack", "/chat.postMessage").len(), 3);
    assert_eq!(shop.calls("onboarding", "/").len(), 1);
    assert!(shop.stand_ins.customers().contains("42"));
    shop.close().await;
}

on_every_engine! {
    what_is_skipped_while_its_integration_is_off_is_done_once_it_is_on
    two_events_of_one_closing_make_one_order_and_one_message
    slack_being_down_repeats_and_holds_back_nothing_else
    only_the_contacts_that_failed_are_updated_again
    a_refused_order_is_a_dead_letter_and_the_rest_is_done
    a_contact_that_hubspot_refuses_for_good_does_not_loop
    a_deal_that_is_no_longer_won_is_left_alone
    a_record_that_hubspot_does_not_know_yet_is_waited_for
    hubspots_limit_spends_no_attempt
    the_channel_hears_of_new_and_of_moved_deals
    a_contact_comes_becomes_a_customer_and_goes
}
