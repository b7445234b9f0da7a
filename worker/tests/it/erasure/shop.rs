//! A worker for one test, with records of its own, and events that quote a secret.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use shared::testing::{DatabaseEngine, TestDatabase};
use worker::parts::Worker;
use worker::parts::records::Records;
use worker::parts::records::dead_letters::{DeadLetters, drain};
use worker::stand_ins::{Fault, StandIns};

use crate::harness::{Engine, PATIENCE, Rig, within};

const SECRET: &str = "jane@example.com";

/// Rows about the contact 42, by what the tables had before they knew contacts.
pub(super) const OF_THE_CONTACT: &str = "origin = 'hubspot/62515' AND object_id = 42 \
    AND (type LIKE 'contact.%' OR type = 'object.propertyChange')";

/// A worker with the built-in handlers, an ERP, and records.
pub(super) struct Shop {
    pub(super) rig: Rig,
    pub(super) stand_ins: StandIns,
    pub(super) worker: Worker,
    pub(super) database: TestDatabase,
}

impl Shop {
    pub(super) async fn open(engine: Engine) -> Self {
        Self::with(engine, TestDatabase::url, &[]).await
    }

    /// With records at the address that `url` makes of the database's.
    pub(super) async fn with(
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

    pub(super) fn records(&self) -> Records {
        Records::new(&SecretString::from(self.database.url())).unwrap()
    }

    pub(super) async fn publish(&self, event: &str) {
        self.rig.publish(event).await;
    }

    pub(super) async fn publish_all(&self, events: &[String]) {
        for event in events {
            self.publish(event).await;
        }
    }

    /// Takes dead letters into the records.
    pub(super) async fn index(&self) {
        let letters = DeadLetters::new(self.records());
        assert!(drain(&letters, &self.rig.queues.broker(), PATIENCE).await.unwrap().complete);
    }

    /// Waits until the event log has so many rows.
    pub(super) async fn logged(&self, count: i64) {
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
    pub(super) async fn quoting(&self, table: &str, condition: &str) -> i64 {
        quoting(&self.database, table, condition).await
    }

    pub(super) fn deletions(&self) -> usize {
        let calls = self.stand_ins.calls().into_iter();
        calls.filter(|call| call.api == "erp" && call.method == "DELETE").count()
    }

    pub(super) async fn close(self) {
        self.worker.stop().await;
        self.rig.finish().await;
        self.database.end().await;
    }
}

pub(super) fn start(rig: &Rig) -> Worker {
    rig.worker(|registry| {
        *registry = worker::handlers::registry(&rig.settings.processing.integrations).unwrap();
    })
}

pub(super) async fn quoting(database: &TestDatabase, table: &str, condition: &str) -> i64 {
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
pub(super) fn event(
    subscription_type: &str,
    portal: u64,
    event_id: u64,
    object: u64,
    more: &str,
) -> String {
    format!(
        r#"{{"eventId":{event_id},"subscriptionId":7,"portalId":{portal},"appId":54321,"occurredAt":1790000000000,"subscriptionType":"{subscription_type}","attemptNumber":0,"objectId":{object},"changeSource":"CRM_UI","propertyName":"email","propertyValue":"{SECRET}"{more}}}"#
    )
}

/// As HubSpot tells of it: nothing about the contact but its number.
pub(super) fn deleted(subscription_type: &str, portal: u64, event_id: u64, object: u64) -> String {
    format!(
        r#"{{"eventId":{event_id},"subscriptionId":7,"portalId":{portal},"appId":54321,"occurredAt":1790000000001,"subscriptionType":"{subscription_type}","attemptNumber":0,"objectId":{object},"changeFlag":"DELETED","changeSource":"CRM_UI"}}"#
    )
}

/// An ERP's refusal that quotes the secret.
pub(super) fn refusal(method: &str) -> Fault {
    let body = json!({ "message": format!("{SECRET} is not valid") });
    Fault::new("erp", 422).on(method, "/customers/42").body(body)
}
