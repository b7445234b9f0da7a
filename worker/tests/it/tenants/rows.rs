//! Events that become rows of a tenant's table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use shared::broker::Lane;
use shared::message::DeathReason;
use shared::testing::{Proxy, database_url};

use super::file::File;
use super::table::{PASSWORD, Table};
use super::{rig_of, rig_with, worker};
use crate::harness::{Admin, Engine, deal, on_every_engine, wait_for_verdicts};

/// One tenant whose deals go into `events`; the URL is in the file `secret`.
fn rows(table: &Table) -> String {
    let events = table.name("events");
    format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515", rate = "600/s" }}
        [destinations.acme-rows]
        tenant = "acme"
        postgres = {{ url = @secret, table = "{events}" }}
        [routes.acme-events]
        tenant = "acme"
        destination = "acme-rows"
        "#
    )
}

fn address(url: &str) -> SocketAddr {
    Proxy::server_of(url).parse().unwrap()
}

/// A file whose secrets are all this URL.
fn file_of(text: &str, url: &str) -> File {
    let file = File::of(text);
    for entry in std::fs::read_dir(file.directory()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with("secret") {
            std::fs::write(entry.path(), url).unwrap();
        }
    }
    file
}

/// `contact.propertyChange` with this value, as HubSpot sends it.
fn change(id: u64, value: &str) -> String {
    let mut event: serde_json::Value = serde_json::from_str(&deal(id)).unwrap();
    event["subscriptionType"] = "contact.propertyChange".into();
    event["propertyName"] = "email".into();
    event["propertyValue"] = value.into();
    event.to_string()
}

async fn an_event_that_comes_twice_is_one_row_as_it_is_documented(engine: Engine) {
    let table = Table::new().await;
    let url = table.url(None);
    let file = file_of(&rows(&table), &url);
    let rig = rig_with(engine, &file, &[address(&url)]).await;
    let worker = worker(&rig);
    let twice = rig.publish(&change(1, "jane@example.com")).await;
    table.wait(1).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    rig.publish_to(Lane::Work, twice.clone()).await;
    wait_for_verdicts(&worker, "duplicate", 1).await;
    // A forced replay does it again, and writes over it.
    table.run("UPDATE events SET value = 'stale'").await;
    let replayed = shared::message::Message { generation: 1, ..twice.clone() };
    rig.publish_to(Lane::Work, replayed).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    worker.stop().await;
    let named = format!("{}_acme-events", twice.event.identity);
    let row = format!(
        "SELECT count(*) FROM events WHERE hubline_id = '{named}' AND event_id = 1 \
         AND portal_id = 62515 AND type = 'contact.propertyChange' AND object_type = '0-1' \
         AND object_id = 1 AND property = 'email' AND value = 'jane@example.com' \
         AND occurred_at = '2026-09-21T14:13:20Z'"
    );
    let counted = [table.number(&row).await, table.number("SELECT count(*) FROM events").await];
    assert_eq!(counted, [1, 1]);
    table.end().await;
    rig.finish().await;
}

async fn an_answer_that_is_lost_and_a_connection_that_is_closed_make_no_second_row(engine: Engine) {
    let table = Table::new().await;
    let proxy = Proxy::start(&Proxy::server_of(&database_url())).await;
    let url = table.url(Some(&proxy));
    let file = file_of(&rows(&table), &url);
    let rig = rig_with(engine, &file, &[address(&url)]).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    table.close_connections().await;
    rig.publish(&deal(2)).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    let retried =
        Admin::of(&worker).sum("hubline_deliveries_total", &["verdict=\"retried\""]).await;
    assert_eq!(retried, 0, "a connection that was closed while it stood idle is no attempt");
    proxy.mute_server();
    rig.publish(&deal(3)).await;
    table.wait(3).await;
    proxy.cut();
    proxy.restore();
    wait_for_verdicts(&worker, "succeeded", 3).await;
    worker.stop().await;
    assert_eq!(table.number("SELECT count(*) FROM events").await, 3);
    table.end().await;
    rig.finish().await;
}

async fn a_database_that_is_away_loses_nothing(engine: Engine) {
    let table = Table::new().await;
    let proxy = Proxy::start(&Proxy::server_of(&database_url())).await;
    let url = table.url(Some(&proxy));
    let file = file_of(&rows(&table), &url);
    let rig = rig_of(engine, &["--retry-attempts", "20"], &file, &[address(&url)]).await;
    proxy.cut();
    let worker = worker(&rig);
    for id in 1..=5 {
        rig.publish(&deal(id)).await;
    }
    wait_for_verdicts(&worker, "retried", 5).await;
    proxy.restore();
    wait_for_verdicts(&worker, "succeeded", 5).await;
    worker.stop().await;
    assert_eq!(table.number("SELECT count(*) FROM events").await, 5);
    table.end().await;
    rig.finish().await;
}

async fn nothing_that_is_in_an_event_breaks_out_of_its_row(engine: Engine) {
    let table = Table::new().await;
    let url = table.url(None);
    let file = file_of(&rows(&table), &url);
    let rig = rig_with(engine, &file, &[address(&url)]).await;
    let worker = worker(&rig);
    let hostile = [
        "'); DROP TABLE events; --",
        "\\'; DROP TABLE events; --",
        "$1 $$ \"value\" = 1",
        "{\"value\": 1}",
        "☃ \u{1f4a9} \\u0027",
    ];
    for (id, value) in (1..).zip(hostile) {
        rig.publish(&change(id, value)).await;
    }
    table.wait(5).await;
    wait_for_verdicts(&worker, "succeeded", 5).await;
    worker.stop().await;
    for (id, value) in (1..).zip(hostile) {
        let quoted = value.replace('\'', "''");
        let query = format!("SELECT object_id FROM events WHERE value = '{quoted}'");
        assert_eq!(table.number(&query).await, id, "{value}");
    }
    table.end().await;
    rig.finish().await;
}

/// One route for each way to be refused, each for an event of its own.
fn refused(table: &Table) -> (String, BTreeMap<String, &'static str>) {
    let template = |json: &str| format!("transform = {{ template = '{json}' }}");
    let mut text = "tenants.acme = { origin = \"hubspot/62515\" }\n".to_owned();
    let mut codes = BTreeMap::new();
    for (id, (to, transform, code)) in (1..).zip([
        ("gone", String::new(), "DESTINATION_SQL_42P01"),
        ("closed", String::new(), "DESTINATION_SQL_42501"),
        ("keyless", String::new(), "DESTINATION_SQL_42P10"),
        ("events", template(r#"{"nope": 1}"#), "DESTINATION_SQL_42703"),
        ("events", template(r#"{"object_id": "Jane"}"#), "DESTINATION_SQL_22P02"),
        ("events", template(r#"{"value\" = 1; --": 1}"#), "DESTINATION_ROW"),
        ("events", template(r#"{"hubline_id": 1}"#), "DESTINATION_ROW"),
        ("events", template("[1]"), "DESTINATION_ROW"),
    ]) {
        let name = table.name(to);
        write!(
            text,
            "[destinations.d{id}]\npostgres = {{ url = @secret, table = \"{name}\" }}\n\
             [routes.r{id}]\ntenant = \"acme\"\ndestination = \"d{id}\"\n{transform}\n\
             filter = {{ field = \"objectId\", operator = \"equals\", value = {id} }}\n"
        )
        .unwrap();
        codes.insert(format!("route/acme/r{id}"), code);
    }
    (text, codes)
}

async fn what_a_table_does_not_take_is_a_dead_letter_that_says_why_and_shows_no_secret(
    engine: Engine,
) {
    let table = Table::new().await;
    table
        .run("CREATE TABLE closed (LIKE events INCLUDING ALL); CREATE TABLE keyless (LIKE events)")
        .await;
    let schema = table.name("keyless");
    let user = schema.split('.').next().unwrap();
    table.run(&format!("GRANT SELECT, INSERT, UPDATE ON keyless TO {user}")).await;
    let url = table.url(None);
    let (text, codes) = refused(&table);
    let file = file_of(&text, &url);
    let rig = rig_with(engine, &file, &[address(&url)]).await;
    let worker = worker(&rig);
    for id in 1..=8 {
        rig.publish(&deal(id)).await;
    }
    let mut found = BTreeMap::new();
    for _ in 0..8 {
        let letter = rig.queues.take("dead").await.message.unwrap();
        let death = letter.death.unwrap();
        assert_eq!(death.reason, DeathReason::Permanent, "{death:?}");
        assert!(!death.error.contains(PASSWORD) && !death.error.contains("Jane"), "{death:?}");
        found.insert(letter.target.unwrap(), death.code.clone());
    }
    worker.stop().await;
    let found: BTreeMap<_, _> =
        found.iter().map(|(route, code)| (route.clone(), &**code)).collect();
    assert_eq!(found, codes);
    assert_eq!(table.number("SELECT count(*) FROM events").await, 0);
    table.end().await;
    rig.finish().await;
}

on_every_engine! {
    an_event_that_comes_twice_is_one_row_as_it_is_documented
    an_answer_that_is_lost_and_a_connection_that_is_closed_make_no_second_row
    a_database_that_is_away_loses_nothing
    nothing_that_is_in_an_event_breaks_out_of_its_row
    what_a_table_does_not_take_is_a_dead_letter_that_says_why_and_shows_no_secret
}
