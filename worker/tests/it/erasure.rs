//! A contact deleted for privacy, through the whole worker: its events leave the event log and the
//! dead letters, in whichever order they come.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use shared::testing::{DatabaseEngine, Proxy, TestDatabase, database_url};
use worker::Worker;
use worker::records::Records;
use worker::records::dead_letters::{DeadLetters, drain};
use worker::stand_ins::{Fault, StandIns};

use crate::harness::{Admin, Engine, PATIENCE, Rig, on_every_engine, wait_for_verdicts, within};

const SECRET: &str = "jane@example.com";

/// Makes a tombstone of every contact that something is written about, in that very transaction:
/// as if it had come after the writer's look and before its commit.
pub(crate) async fn bury_on_insert(database: &TestDatabase, table: &str) {
    let statements = match database.engine() {
        DatabaseEngine::Postgres => format!(
            "CREATE FUNCTION bury() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO erasure VALUES (NEW.portal_id, NEW.contact_id, 0, FALSE) \
             ON CONFLICT DO NOTHING; RETURN NULL; END $$; \
             CREATE TRIGGER bury AFTER INSERT ON {table} FOR EACH ROW \
             WHEN (NEW.contact_id IS NOT NULL AND NEW.portal_id = 62515) EXECUTE FUNCTION bury();"
        ),
        DatabaseEngine::Sqlite => format!(
            "CREATE TRIGGER bury AFTER INSERT ON {table} \
             WHEN NEW.contact_id IS NOT NULL AND NEW.portal_id = 62515 \
             BEGIN INSERT OR IGNORE INTO erasure \
             VALUES (NEW.portal_id, NEW.contact_id, 0, FALSE); END;"
        ),
    };
    database.run(&statements).await;
}

/// Refuses every row of the contact 42 of portal 62515 that comes in with content.
pub(crate) async fn refuse_content(database: &TestDatabase, table: &str) {
    let condition = "NEW.contact_id = 42 AND NEW.portal_id = 62515 \
        AND (NEW.body IS NOT NULL OR NEW.error <> '')";
    let statements = match database.engine() {
        DatabaseEngine::Postgres => format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'content'; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW \
             WHEN ({condition}) EXECUTE FUNCTION refuse();"
        ),
        DatabaseEngine::Sqlite => format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN {condition} \
             BEGIN SELECT raise(ABORT, 'content'); END;"
        ),
    };
    database.run(&statements).await;
}

/// A worker with the built-in handlers, an ERP, and records.
struct Shop {
    rig: Rig,
    stand_ins: StandIns,
    worker: Worker,
    database: TestDatabase,
}

impl Shop {
    async fn open(engine: Engine) -> Self {
        Self::with(engine, TestDatabase::url, &[]).await
    }

    /// With records at the address that `url` makes of the database's.
    async fn with(
        engine: Engine,
        url: impl FnOnce(&TestDatabase) -> String,
        flags: &[&str],
    ) -> Self {
        let kind = match engine {
            Engine::Cluster => DatabaseEngine::Postgres,
            Engine::Embedded => DatabaseEngine::Sqlite,
        };
        let database = TestDatabase::new(kind).await;
        let stand_ins = StandIns::start().await.unwrap();
        let mut rig = Rig::on(engine, flags).await;
        rig.settings.processing.integrations = stand_ins.settings();
        rig.settings.records.database_url = Some(SecretString::from(url(&database)));
        let worker = start(&rig);
        Self { rig, stand_ins, worker, database }
    }

    fn records(&self) -> Records {
        Records::new(&SecretString::from(self.database.url())).unwrap()
    }

    async fn publish(&self, event: &str) {
        self.rig.publish(event).await;
    }

    async fn publish_all(&self, events: &[String]) {
        for event in events {
            self.publish(event).await;
        }
    }

    /// Takes dead letters into the records.
    async fn index(&self) {
        let letters = DeadLetters::new(self.records());
        assert!(drain(&letters, &self.rig.queues.broker(), PATIENCE).await.unwrap().complete);
    }

    /// Waits until the event log has so many rows.
    async fn logged(&self, count: i64) {
        // The table is made by the worker.
        drop(DeadLetters::new(self.records()).audit(1).await.unwrap());
        let waiting = async {
            while self.database.number("SELECT count(*) FROM event_log").await < count {
                // A table has nothing to wait on; this is the poll of a test, not a delay.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(&format!("{count} rows in the log"), waiting).await;
    }

    /// Rows of a table that quote the secret and for which `condition` holds.
    async fn quoting(&self, table: &str, condition: &str) -> i64 {
        quoting(&self.database, table, condition).await
    }

    fn deletions(&self) -> usize {
        let calls = self.stand_ins.calls().into_iter();
        calls.filter(|call| call.api == "erp" && call.method == "DELETE").count()
    }

    async fn close(self) {
        self.worker.stop().await;
        self.rig.finish().await;
        self.database.end().await;
    }
}

fn start(rig: &Rig) -> Worker {
    rig.worker(|registry| {
        *registry = worker::handlers::registry(&rig.settings.processing.integrations).unwrap();
    })
}

async fn quoting(database: &TestDatabase, table: &str, condition: &str) -> i64 {
    let in_body = match database.engine() {
        DatabaseEngine::Postgres => format!("position('{SECRET}'::bytea IN body) > 0"),
        DatabaseEngine::Sqlite => format!("instr(body, CAST('{SECRET}' AS BLOB)) > 0"),
    };
    let query = format!(
        "SELECT count(*) FROM {table} WHERE ({in_body} OR error LIKE '%{SECRET}%') AND {condition}"
    );
    database.number(&query).await
}

/// An event that quotes the secret; different for each `event_id`.
fn event(subscription_type: &str, portal: u64, event_id: u64, object: u64, more: &str) -> String {
    format!(
        r#"{{"eventId":{event_id},"subscriptionId":7,"portalId":{portal},"appId":54321,"occurredAt":1790000000000,"subscriptionType":"{subscription_type}","attemptNumber":0,"objectId":{object},"changeSource":"CRM_UI","propertyName":"email","propertyValue":"{SECRET}"{more}}}"#
    )
}

/// As HubSpot tells of it: nothing about the contact but its number.
fn deleted(subscription_type: &str, portal: u64, event_id: u64, object: u64) -> String {
    format!(
        r#"{{"eventId":{event_id},"subscriptionId":7,"portalId":{portal},"appId":54321,"occurredAt":1790000000001,"subscriptionType":"{subscription_type}","attemptNumber":0,"objectId":{object},"changeFlag":"DELETED","changeSource":"CRM_UI"}}"#
    )
}

/// Rows about the contact 42, by what the tables had before they knew contacts.
const OF_THE_CONTACT: &str = "portal_id = 62515 AND object_id = 42 \
    AND (type LIKE 'contact.%' OR type = 'object.restore')";

async fn everything_of_the_contact_goes_in_either_order(engine: Engine) {
    for order in [["privacyDeletion", "deletion"], ["deletion", "privacyDeletion"]] {
        let shop = Shop::open(engine).await;
        let refusal = json!({ "message": format!("{SECRET} is not valid") });
        shop.stand_ins.fail(Fault::new("erp", 422).on("PUT", "/customers/42").body(refusal));
        let contact = [
            event("contact.creation", 62515, 1, 42, ""),
            event("contact.propertyChange", 62515, 2, 42, ""),
            event("object.restore", 62515, 3, 42, r#","objectTypeId":"0-1""#),
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
        shop.publish(&event("contact.creation", 62515, 10, 42, "")).await;
        shop.logged(13).await;
        shop.index().await;
        for table in ["event_log", "dead_letter"] {
            assert_eq!(shop.quoting(table, OF_THE_CONTACT).await, 0, "{order:?} {table}");
        }
        assert!(shop.database.number("SELECT count(*) FROM dead_letter").await > 1);
        assert_eq!(shop.deletions(), 2);
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

/// What a process wrote that died before its second look.
async fn what_nobody_made_up_for_is_swept(engine: Engine) {
    let shop = Shop::open(engine).await;
    for contact in [42, 43, 44] {
        shop.publish(&event("contact.propertyChange", 62515, contact, contact, "")).await;
    }
    shop.logged(3).await;
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
    assert_eq!(quoting(&shop.database, "event_log", "object_id IN (42, 43)").await, 0);
    assert_eq!(quoting(&shop.database, "event_log", "object_id = 44").await, 1);
    let open = shop.database.number("SELECT object_id FROM erasure WHERE NOT swept").await;
    assert_eq!(open, 43, "looked at again until it is an hour old");
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

async fn while_the_records_are_away_the_event_waits_and_nothing_else_is_repeated(engine: Engine) {
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
    assert_eq!(shop.deletions(), 1, "the ERP was asked again");
    shop.close().await;
}

on_every_engine! {
    everything_of_the_contact_goes_in_either_order
    a_plain_deletion_erases_nothing
    a_deletion_for_privacy_twice_is_one
    a_deletion_for_privacy_counts_if_the_app_itself_asked_for_it
    however_logging_and_erasing_meet_no_content_is_left
    an_erasure_between_the_logs_look_and_its_commit_is_made_up_for
    what_nobody_made_up_for_is_swept
    without_records_there_is_nothing_to_erase
    while_the_records_are_away_the_event_waits_and_nothing_else_is_repeated
}
