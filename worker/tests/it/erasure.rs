//! A contact deleted for privacy, through the whole worker: its events leave the event log and the
//! dead letters, in whichever order they come.

use std::time::Duration;

use serde_json::Value;
use shared::testing::{Proxy, TestDatabase, database_url};
use worker::settings::integrations::IntegrationSettings;
use worker::stand_ins::{Call, Fault, StandIns};

use crate::harness::{Admin, Engine, Rig, on_every_engine, wait_for_verdicts, within};

mod shop;
mod triggers;

use shop::{Shop, deleted, event, quoting, refusal, start};
pub(crate) use triggers::{bury_on_insert, refuse_content};

/// Rows about the contact 42, by what the tables had before they knew contacts.
const OF_THE_CONTACT: &str = "origin = 'hubspot/62515' AND object_id = 42 \
    AND (type LIKE 'contact.%' OR type = 'object.propertyChange')";

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
    let slow = Fault::slow("erp", Duration::from_secs(3)).on("PUT", "/customers/42");
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
            "INSERT INTO erasure VALUES (62515, 42, {}, FALSE), (62515, 43, {now_ms}, FALSE), \
             (62515, 44, 0, TRUE)",
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

async fn without_records_there_is_nothing_to_erase(engine: Engine) {
    let stand_ins = StandIns::start().await.unwrap();
    let mut rig = Rig::on(engine, &[]).await;
    rig.settings.processing.integrations = stand_ins.settings();
    let worker = start(&rig);
    rig.publish(&deleted("contact.privacyDeletion", 62515, 1, 42)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    let calls: Vec<_> = stand_ins.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(calls, ["DELETE"]);
    worker.stop().await;
    rig.finish().await;
}

async fn without_an_erp_the_records_forget_and_the_event_is_skipped(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.publish(&event("contact.propertyChange", 62515, 1, 42, "")).await;
    shop.logged(1).await;
    let Shop { mut rig, stand_ins, worker, database } = shop;
    worker.stop().await;
    rig.settings.processing.integrations = IntegrationSettings::default();
    let worker = start(&rig);
    let shop = Shop { rig, stand_ins, worker, database };
    shop.publish(&deleted("contact.privacyDeletion", 62515, 2, 42)).await;
    wait_for_verdicts(&shop.worker, "skipped", 1).await;
    assert_eq!(shop.quoting("event_log", "true").await, 0);
    assert_eq!(shop.deletions(), 0);
    shop.close().await;
}

/// What keeps a worker from its records until it is lifted.
enum Obstacle {
    Cut(Proxy),
    /// A directory where the file should be.
    Directory(std::path::PathBuf),
}

impl Obstacle {
    fn lift(&self) {
        match self {
            Self::Cut(proxy) => proxy.restore(),
            Self::Directory(path) => std::fs::remove_dir(path).unwrap(),
        }
    }
}

async fn while_the_records_are_away_the_event_waits_and_the_erp_forgets_before_and_after(
    engine: Engine,
) {
    let proxy = Proxy::start(&Proxy::server_of(&database_url())).await;
    proxy.cut();
    let mut obstacle = None;
    let away = |database: &TestDatabase| match engine {
        Engine::Cluster => {
            let url = proxy.url(&database.url());
            obstacle = Some(Obstacle::Cut(proxy));
            url
        }
        Engine::Embedded => {
            std::fs::create_dir(database.file()).unwrap();
            obstacle = Some(Obstacle::Directory(database.file()));
            database.url()
        }
    };
    let shop = Shop::with(engine, away, &["--retry-attempts", "60"]).await;
    let admin = Admin::of(&shop.worker);
    shop.publish(&event("contact.propertyChange", 62515, 1, 42, "")).await;
    shop.publish(&deleted("contact.privacyDeletion", 62515, 2, 42)).await;
    wait_for_verdicts(&shop.worker, "retried", 2).await;
    let ready: Value = serde_json::from_str(&admin.get("readyz").await).unwrap();
    assert_eq!(ready["ready"], true, "{ready}");
    assert_eq!(admin.sum("hubline_deliveries_total", &["succeeded"]).await, 0);
    let obstacle = obstacle.unwrap();
    obstacle.lift();
    wait_for_verdicts(&shop.worker, "succeeded", 1).await;
    admin.wait_for("hubline_log_entries_total", &[], 4).await;
    assert_eq!(shop.quoting("event_log", "true").await, 0);
    assert_eq!(shop.database.number("SELECT count(*) FROM erasure").await, 1);
    assert_eq!(shop.deletions(), 2, "once before the tombstone, and once behind it");
    shop.close().await;
}

on_every_engine! {
    everything_of_the_contact_goes_in_either_order
    a_plain_deletion_erases_nothing
    who_was_erased_is_not_put_back_and_not_onboarded
    a_put_that_is_overtaken_by_the_erasure_is_taken_back
    who_was_merged_into_an_erased_contact_is_erased_too
    without_an_erp_the_records_forget_and_the_event_is_skipped
    a_deletion_for_privacy_twice_is_one
    a_deletion_for_privacy_counts_if_the_app_itself_asked_for_it
    however_logging_and_erasing_meet_no_content_is_left
    an_erasure_between_the_logs_look_and_its_commit_is_made_up_for
    what_is_about_no_contact_is_not_held_up_by_looking
    what_nobody_made_up_for_is_swept
    without_records_there_is_nothing_to_erase
    while_the_records_are_away_the_event_waits_and_the_erp_forgets_before_and_after
}
