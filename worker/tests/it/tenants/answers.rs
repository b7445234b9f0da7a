//! What a destination answers to an event that it does not take: its beginning is kept with the attempt.

use secrecy::SecretString;
use serde_json::Value;
use shared::testing::{DatabaseEngine, TestDatabase};
use tokio::process::Command;
use worker::parts::records::Records;

use super::endpoint::{Answer, Endpoint};
use super::file::{File, SECRET};
use super::{one, rig_with, worker};
use crate::console::rig::{Browser, console, redacting};
use crate::harness::{Engine, on_every_engine, wait_for_verdicts, within};

const EMAIL: &str = "jane@example.com";

fn changed() -> String {
    format!(
        r#"{{"eventId":1,"subscriptionId":7,"portalId":62515,"appId":54321,"occurredAt":1790000000000,"subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":42,"propertyName":"email","propertyValue":"{EMAIL}","changeSource":"CRM_UI"}}"#
    )
}

/// What `worker events` says of it.
async fn events(database: &TestDatabase, event: &str, flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(["events", "--event", event]).args(flags).env("DATABASE_URL", database.url());
    let said = within("the events", command.output()).await.unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap()
}

async fn the_beginning_of_a_refusal_is_kept_shown_redacted_and_erased(engine: Engine) {
    let database = TestDatabase::new(match engine {
        Engine::Cluster => DatabaseEngine::Postgres,
        Engine::Embedded => DatabaseEngine::Sqlite,
    })
    .await;
    let long = "no such thing <b>\u{1b}[2J\u{0}\n".repeat(500);
    let said = format!("{EMAIL} is taken {SECRET}\nwhy: {long}");
    let acme = Endpoint::start([Answer(503, None, "later".to_owned()), Answer(422, None, said)]);
    let headers = "headers = { X-Webhook-Secret = @secret }\n";
    let file = File::of(&(one(&acme, "active", "active") + headers));
    let mut rig = rig_with(engine, &file, &[acme.address]).await;
    rig.settings.records.database_url = Some(SecretString::from(database.url()));
    let worker = worker(&rig);
    let identity = rig.publish(&changed()).await.event.identity.to_string();
    wait_for_verdicts(&worker, "permanent", 1).await;
    worker.stop().await;
    rig.queues.take("dead").await;

    let lines = events(&database, &identity, &["--json"]).await;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [refused, retried] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&retried["verdict"], &retried["answer"]), (&"retried".into(), &"later".into()));
    let answer = refused["answer"].as_str().unwrap();
    assert!(answer.starts_with(&format!("{EMAIL} is taken [secret]\nwhy: no such")), "{answer}");
    assert!((1_900..=2_048).contains(&answer.len()), "{}", answer.len());
    assert!(refused["error"].as_str().unwrap().chars().count() < 350, "{refused}");

    let shown = events(&database, &identity, &[]).await;
    assert!(shown.contains("    | why: no such thing <b>\\u{1b}[2J"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    let console = console(&database.url(), rig.queues.broker(), &[]);
    let page = Browser::at(console.address()).get(&format!("/events/{identity}")).await;
    page.shows(&["The answer", EMAIL, "no such thing &#60;b&#62;\\u{1b}[2J"]).hides(&["\u{1b}"]);
    console.stop().await;

    let console = redacting(&database.url(), rig.queues.broker(), &[], &["email"]);
    let browser = Browser::at(console.address());
    let list = browser.get("/events?verdict=permanent").await;
    let place = list.text.find("/events/").map(|at| &list.text[at..]).unwrap();
    let path = place.split('"').next().unwrap();
    let page = browser.get(path).await;
    page.shows(&["The answer", "[redacted] is taken [secret]"]).hides(&[EMAIL]);
    console.stop().await;

    let records = Records::new(&SecretString::from(database.url())).unwrap();
    let origin = "hubspot/62515".parse().unwrap();
    assert_eq!(records.erase_contact(&origin, 42).await.unwrap(), 2);
    drop(records);
    let left = "SELECT count(*) FROM event_log WHERE answer IS NOT NULL OR error IS NOT NULL";
    assert_eq!(database.number(left).await, 0);
    rig.finish().await;
    database.end().await;
}

on_every_engine! {
    the_beginning_of_a_refusal_is_kept_shown_redacted_and_erased
}
