//! A contact deleted for privacy, through the whole worker: its events leave the event log and the
//! dead letters, in whichever order they come.

use std::time::Duration;

use worker::stand_ins::{Call, Fault};

use crate::harness::{Engine, on_every_engine, wait_for_verdicts, within};

mod away;
mod races;
mod shop;
mod triggers;

use shop::{OF_THE_CONTACT, Shop, deleted, event, quoting, refusal};
pub(crate) use triggers::{bury_on_insert, refuse_content};

async fn everything_of_the_contact_goes_in_either_order(engine: Engine) {
    for order in [["privacyDeletion", "deletion"], ["deletion", "privacyDeletion"]] {
        let shop = Shop::open(engine).await;
        shop.stand_ins.put_contact(42);
        shop.stand_ins.fail(refusal("PUT"));
        let contact = [
            event("contact.creation", 62515, 1, 42, ""),
            event("contact.propertyChange", 62515, 2, 42, ""),
            event("object.propertyChange", 62515, 3, 42, r#","objectTypeId":"0-1""#),
        ];
        let others = [
            event("contact.propertyChange", 9, 4, 42, ""),
            event("deal.propertyChange", 62515, 5, 42, ""),
            event("object.merge", 62515, 6, 42, r#","objectTypeId":"0-3""#),
            event("contact.propertyChange", 62515, 7, 43, ""),
        ];
        shop.publish_all(&contact).await;
        shop.publish_all(&others).await;
        shop.logged(7).await;
        shop.index().await;
        assert_eq!(shop.quoting("event_log", OF_THE_CONTACT).await, 3);
        assert_eq!(shop.quoting("dead_letter", OF_THE_CONTACT).await, 1);

        shop.stand_ins.delete_contact(42);
        shop.publish(&deleted(&format!("contact.{}", order[0]), 62515, 8, 42)).await;
        wait_for_verdicts(&shop.worker, "succeeded", 1).await;
        let left = if order[0] == "privacyDeletion" { 0 } else { 3 };
        assert_eq!(shop.quoting("event_log", OF_THE_CONTACT).await, left);
        shop.publish(&deleted(&format!("contact.{}", order[1]), 62515, 9, 42)).await;
        wait_for_verdicts(&shop.worker, "succeeded", 2).await;
        shop.logged(9).await;
        for table in ["event_log", "dead_letter"] {
            assert_eq!(shop.quoting(table, OF_THE_CONTACT).await, 0, "{order:?} {table}");
        }
        assert_eq!(shop.quoting("event_log", "true").await, 4, "the others' content stays");
        assert_eq!(shop.database.number("SELECT count(*) FROM dead_letter").await, 1);

        // HubSpot comes again with what it could not deliver, and a letter was still on its way.
        refuse_content(&shop.database, "event_log").await;
        shop.publish_all(&contact).await;
        shop.stand_ins.fail(refusal("DELETE"));
        shop.publish(&event("contact.deletion", 62515, 10, 42, "")).await;
        shop.logged(13).await;
        shop.index().await;
        for table in ["event_log", "dead_letter"] {
            assert_eq!(shop.quoting(table, OF_THE_CONTACT).await, 0, "{order:?} {table}");
        }
        assert!(shop.database.number("SELECT count(*) FROM dead_letter").await > 1);
        assert_eq!(shop.deletions(), 3);
        shop.close().await;
    }
}

async fn a_plain_deletion_erases_nothing(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.publish(&event("contact.propertyChange", 62515, 1, 42, "")).await;
    shop.publish(&deleted("contact.deletion", 62515, 2, 42)).await;
    let generic = deleted("object.deletion", 62515, 3, 42);
    shop.publish(&generic.replace('}', r#","objectTypeId":"0-1"}"#)).await;
    wait_for_verdicts(&shop.worker, "succeeded", 2).await;
    shop.logged(3).await;
    assert_eq!(shop.quoting("event_log", "true").await, 1);
    assert_eq!(shop.database.number("SELECT count(*) FROM erasure").await, 0);
    shop.close().await;
}

/// HubSpot may have it yet, so shortly after.
async fn who_was_erased_is_not_put_back_and_not_onboarded(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.publish(&deleted("contact.privacyDeletion", 62515, 1, 42)).await;
    wait_for_verdicts(&shop.worker, "succeeded", 1).await;
    shop.stand_ins.put_contact(42);
    let customer = r#","propertyName":"lifecyclestage","propertyValue":"customer""#;
    for event in [
        event("contact.creation", 62515, 2, 42, ""),
        event("contact.restore", 62515, 3, 42, ""),
        event("contact.propertyChange", 62515, 4, 42, customer),
    ] {
        shop.publish(&event).await;
    }
    wait_for_verdicts(&shop.worker, "gone", 3).await;
    let calls: Vec<_> = shop.stand_ins.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(calls, ["DELETE"]);
    shop.close().await;
}

/// Its `PUT` is not answered yet when the deletion has been and gone.
async fn a_put_that_is_overtaken_by_the_erasure_is_taken_back(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.stand_ins.put_contact(42);
    let slow = Fault::slow("erp", Duration::from_secs(5)).on("PUT", "/customers/42");
    shop.stand_ins.fail(slow);
    shop.publish(&event("contact.creation", 62515, 2, 42, "")).await;
    let put = |call: &Call| call.method == "PUT";
    within("the PUT", shop.stand_ins.wait_for(1, put)).await;
    shop.publish(&deleted("contact.privacyDeletion", 62515, 1, 42)).await;
    wait_for_verdicts(&shop.worker, "succeeded", 1).await;
    wait_for_verdicts(&shop.worker, "gone", 1).await;
    let calls: Vec<_> = shop.stand_ins.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(calls, ["GET", "PUT", "DELETE", "DELETE"]);
    shop.close().await;
}

/// Contacts 551 and, into that, 540 were merged into 559; in either order of merge and erasure.
async fn who_was_merged_into_an_erased_contact_is_erased_too(engine: Engine) {
    let merge = |id: u64, from: u64, primary: u64, into: u64| {
        let ids = format!(
            r#","primaryObjectId":{primary},"mergedObjectIds":[{from}],"newObjectId":{into}"#
        );
        event("contact.merge", 62515, id, primary, &ids)
    };
    let merges = [merge(1, 540, 545, 551), merge(2, 551, 550, 559)];
    let erasure = deleted("contact.privacyDeletion", 62515, 3, 559);
    for is_merged_first in [true, false] {
        let shop = Shop::open(engine).await;
        for contact in [540, 551, 559, 560] {
            shop.publish(&event("contact.propertyChange", 62515, contact, contact, "")).await;
        }
        shop.logged(4).await;
        if is_merged_first {
            shop.publish_all(&merges).await;
            shop.logged(6).await;
        }
        shop.publish(&erasure).await;
        shop.logged(if is_merged_first { 7 } else { 5 }).await;
        if !is_merged_first {
            shop.publish_all(&merges).await;
            shop.logged(7).await;
        }
        // Ended, it has looked a second time at what it wrote.
        shop.worker.stop().await;
        assert_eq!(quoting(&shop.database, "event_log", "object_id <> 560").await, 0);
        assert_eq!(quoting(&shop.database, "event_log", "object_id = 560").await, 1);
        let buried = "SELECT count(*) FROM erasure WHERE object_id IN (540, 545, 550, 551, 559)";
        assert_eq!(shop.database.number(buried).await, 5);
        shop.rig.finish().await;
        shop.database.end().await;
    }
}

async fn a_deletion_for_privacy_twice_is_one(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.publish(&event("contact.propertyChange", 62515, 1, 42, "")).await;
    shop.logged(1).await;
    let generic = deleted("object.privacyDeletion", 62515, 2, 42);
    let generic = generic.replace('}', r#","objectTypeId":"0-1"}"#);
    for _ in 0..2 {
        shop.publish(&generic).await;
    }
    wait_for_verdicts(&shop.worker, "succeeded", 1).await;
    wait_for_verdicts(&shop.worker, "duplicate", 1).await;
    assert_eq!(shop.quoting("event_log", "true").await, 0);
    assert_eq!(shop.deletions(), 1);
    shop.close().await;
}

async fn a_deletion_for_privacy_counts_if_the_app_itself_asked_for_it(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.publish(&event("contact.propertyChange", 62515, 1, 42, "")).await;
    shop.logged(1).await;
    let own = |event: String| event.replace("CRM_UI\"", "INTEGRATION\",\"sourceId\":\"54321\"");
    shop.publish(&own(deleted("contact.deletion", 62515, 2, 42))).await;
    wait_for_verdicts(&shop.worker, "own_write", 1).await;
    shop.publish(&own(deleted("contact.privacyDeletion", 62515, 3, 42))).await;
    wait_for_verdicts(&shop.worker, "succeeded", 1).await;
    assert_eq!(shop.quoting("event_log", "true").await, 0);
    shop.close().await;
}

on_every_engine! {
    everything_of_the_contact_goes_in_either_order
    a_plain_deletion_erases_nothing
    who_was_erased_is_not_put_back_and_not_onboarded
    a_put_that_is_overtaken_by_the_erasure_is_taken_back
    who_was_merged_into_an_erased_contact_is_erased_too
    a_deletion_for_privacy_twice_is_one
    a_deletion_for_privacy_counts_if_the_app_itself_asked_for_it
}
