//! Logging and erasing that meet: whichever comes last, no content is left.

use std::time::Duration;

use super::shop::{OF_THE_CONTACT, Shop, deleted, event, quoting, start};
use super::triggers::bury_on_insert;
use crate::harness::{Engine, on_every_engine, wait_for_verdicts, within};

async fn however_logging_and_erasing_meet_no_content_is_left(engine: Engine) {
    let shop = Shop::open(engine).await;
    let mut rows = 0;
    for contact in 1..=40 {
        for number in 0..7 {
            let id = contact * 10 + number;
            if number == 3 {
                shop.publish(&deleted("contact.privacyDeletion", 62515, id, contact)).await;
            } else {
                shop.publish(&event("contact.propertyChange", 62515, id, contact, "")).await;
            }
            rows += 1;
        }
    }
    wait_for_verdicts(&shop.worker, "succeeded", 40).await;
    shop.logged(rows).await;
    // Ended, it has looked a second time at what it wrote.
    shop.worker.stop().await;
    assert_eq!(quoting(&shop.database, "event_log", "true").await, 0);
    shop.rig.finish().await;
    shop.database.end().await;
}

async fn an_erasure_between_the_logs_look_and_its_commit_is_made_up_for(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.publish(&event("contact.propertyChange", 9, 1, 42, "")).await;
    shop.logged(1).await;
    bury_on_insert(&shop.database, "event_log").await;
    shop.publish(&event("contact.propertyChange", 62515, 2, 42, "")).await;
    shop.publish(&event("contact.propertyChange", 9, 3, 42, "")).await;
    shop.publish(&event("deal.propertyChange", 62515, 4, 42, "")).await;
    shop.logged(4).await;
    shop.worker.stop().await;
    assert_eq!(quoting(&shop.database, "event_log", "true").await, 3);
    assert_eq!(quoting(&shop.database, "event_log", OF_THE_CONTACT).await, 0);
    shop.rig.finish().await;
    shop.database.end().await;
}

async fn what_is_about_no_contact_is_not_held_up_by_looking(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.logged(0).await;
    shop.database.run("DROP TABLE erasure").await;
    shop.publish(&event("deal.propertyChange", 62515, 1, 42, "")).await;
    shop.publish(&event("object.restore", 62515, 2, 42, r#","objectTypeId":"0-3""#)).await;
    shop.logged(2).await;
    assert_eq!(shop.quoting("event_log", "true").await, 2);
    shop.close().await;
}

/// What a process wrote that died before its second look.
async fn what_nobody_made_up_for_is_swept(engine: Engine) {
    let shop = Shop::open(engine).await;
    for contact in [42, 43, 44, 46] {
        shop.publish(&event("contact.propertyChange", 62515, contact, contact, "")).await;
    }
    // Whoever erased 43 died before it came to those who were merged into it.
    let ids = r#","primaryObjectId":45,"mergedObjectIds":[46],"newObjectId":43"#;
    shop.publish(&event("contact.merge", 62515, 47, 45, ids)).await;
    shop.logged(5).await;
    shop.worker.stop().await;
    // An hour ago and more, lately, and one that is over.
    let now_ms = shared::clock::now_ms();
    shop.database
        .run(&format!(
            "INSERT INTO erasure VALUES ('hubspot/62515', 42, {}, FALSE), \
             ('hubspot/62515', 43, {now_ms}, FALSE), ('hubspot/62515', 44, 0, TRUE)",
            now_ms - 2 * 3600 * 1000
        ))
        .await;
    let worker = start(&shop.rig);
    let swept = async {
        while shop.database.number("SELECT count(*) FROM erasure WHERE swept").await < 2 {
            // A table has nothing to wait on; this is the poll of a test, not a delay.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the sweep", swept).await;
    worker.stop().await;
    assert_eq!(quoting(&shop.database, "event_log", "object_id IN (42, 43, 45, 46)").await, 0);
    assert_eq!(quoting(&shop.database, "event_log", "object_id = 44").await, 1);
    let open = shop
        .database
        .number("SELECT object_id FROM erasure WHERE NOT swept AND object_id < 45")
        .await;
    assert_eq!(open, 43, "looked at again until it is an hour old");
    let merged = "SELECT count(*) FROM erasure WHERE object_id IN (45, 46)";
    assert_eq!(shop.database.number(merged).await, 2);
    shop.rig.finish().await;
    shop.database.end().await;
}

on_every_engine! {
    however_logging_and_erasing_meet_no_content_is_left
    an_erasure_between_the_logs_look_and_its_commit_is_made_up_for
    what_is_about_no_contact_is_not_held_up_by_looking
    what_nobody_made_up_for_is_swept
}
