//! The recipes of the documentation, as they stand there: each does what it says.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use shared::testing::{DatabaseEngine, TestDatabase};

use super::endpoint::{Endpoint, Received};
use super::file::{File, SECRET};
use super::signed::{is_signed, is_signed_as_hubspot_does};
use super::{listed, rig_with, worker};
use crate::harness::{Engine, deal, deal_of, on_every_engine, wait_for_verdicts};

const DOCS: &str = include_str!("../../../../docs/recipes.md");

/// The blocks of this kind in this section.
fn blocks(section: &str, kind: &str) -> Vec<&'static str> {
    let (_, section) = DOCS.split_once(&format!("\n## {section}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let fence = format!("```{kind}\n");
    let begun = section.split(fence.as_str()).skip(1);
    begun.map(|block| block.split("```").next().unwrap()).collect()
}

/// The one file of tenants in this section, with endpoints of the test's in the place of addresses, and its
/// secrets in files.
fn file_of(section: &str, addresses: &[(&str, &Endpoint)]) -> String {
    let [text] = blocks(section, "toml")[..] else { panic!("one block of {section}") };
    let mut text = text.to_owned();
    for (address, endpoint) in addresses {
        assert!(text.contains(address), "{address} in {text}");
        text = text.replace(address, &endpoint.url());
    }
    let variables = regex_lite::Regex::new(r#"\{ env = "TENANT_[A-Z_]+" \}"#).unwrap();
    variables.replace_all(&text, "@secret").into_owned()
}

fn objects(received: &[Received]) -> Vec<u64> {
    let mut objects: Vec<u64> = received.iter().map(object).collect();
    objects.sort_unstable();
    objects
}

fn object(received: &Received) -> u64 {
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    let event = body.get(0).unwrap_or(&body);
    event["objectId"].as_u64().unwrap()
}

async fn a_source_with_filters_becomes_routes_that_send_what_they_should(engine: Engine) {
    let (erp, sales, archive) = (Endpoint::start([]), Endpoint::start([]), Endpoint::start([]));
    let file = File::of(&file_of(
        "A source, with filters to destinations",
        &[
            ("https://erp.acme.example/hooks", &erp),
            ("https://sales.acme.example/hooks", &sales),
            ("https://archive.acme.example/hooks", &archive),
        ],
    ));
    let rig = rig_with(engine, &file, &[erp.address, sales.address, archive.address]).await;
    let worker = worker(&rig);
    let amount = |id: u64, amount: &str| {
        let more =
            format!("\"propertyName\":\"amount\",\"propertyValue\":\"{amount}\",\"changeFlag\"");
        deal(id).replace("deal.creation", "deal.propertyChange").replace("\"changeFlag\"", &more)
    };
    for event in [
        deal(1),
        deal(2).replace("CRM_UI", "IMPORT"),
        deal(3).replace("deal.creation", "contact.creation"),
        amount(4, "10000.01"),
        amount(5, "10000"),
    ] {
        rig.publish(&event).await;
    }
    wait_for_verdicts(&worker, "succeeded", 3 + 1 + 5).await;
    worker.stop().await;
    assert_eq!(objects(&erp.received()), [1, 4, 5]);
    assert_eq!(objects(&sales.received()), [4]);
    assert_eq!(objects(&archive.received()), [1, 2, 3, 4, 5]);
    assert!(archive.received().iter().all(is_signed));
    rig.finish().await;
}

async fn a_router_becomes_tenants_and_what_is_for_a_paused_portal_is_kept(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let text = file_of(
        "A router, with a URL and a secret for each portal",
        &[
            ("https://hooks.acme.example/hubspot", &acme),
            ("https://hooks.umbrella.example/hubspot", &umbrella),
        ],
    );
    let file = File::of(&text);
    let rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    rig.publish(&deal_of(62516, 2)).await;
    rig.publish(&deal(1)).await;
    acme.wait(1).await;
    wait_for_verdicts(&worker, "limited", 1).await;
    assert!(umbrella.received().is_empty());
    file.write(&text.replace("paused", "active"));
    umbrella.wait(1).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    worker.stop().await;
    assert_eq!((objects(&acme.received()), objects(&umbrella.received())), (vec![1], vec![2]));
    assert!(is_signed_as_hubspot_does(&acme, &acme.received()[0]));
    assert!(is_signed_as_hubspot_does(&umbrella, &umbrella.received()[0]));
    rig.finish().await;
}

/// The commands of the page, with its query, in this directory.
fn make_file(database: &TestDatabase, directory: &Path, allowed: &str) -> Output {
    let section = "A table of portals";
    let query = blocks(section, "sql")[1];
    let secrets = format!("'{}/'", directory.display());
    assert!(query.contains("'/run/secrets/tenants/'"));
    let query = query.replace("'/run/secrets/tenants/'", &secrets);
    std::fs::write(directory.join("portals.sql"), query).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_worker")).parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    Command::new("sh")
        .args(["-c", blocks(section, "sh")[0]])
        .current_dir(directory)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("DATABASE", database.url())
        .env("DESTINATION_ALLOW", allowed)
        .output()
        .unwrap()
}

async fn a_table_of_portals_becomes_the_file_by_one_query(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let addresses = [acme.address, umbrella.address];
    let database = TestDatabase::new(DatabaseEngine::Postgres).await;
    database.run(blocks("A table of portals", "sql")[0]).await;
    // An address with what quotes a text.
    let rows = format!(
        "INSERT INTO portals VALUES (62515, '{}&q=%22\\', 'acme', true), (62516, '{}', 'umbrella', false)",
        acme.url(),
        umbrella.url()
    );
    database.run(&rows).await;
    let file = File::of("");
    for name in ["acme", "umbrella"] {
        std::fs::write(file.directory().join(name), SECRET).unwrap();
    }
    let made = make_file(&database, file.directory(), &listed(&addresses));
    assert!(made.status.success(), "{made:?}");
    let rig = rig_with(engine, &file, &addresses).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    rig.publish(&deal_of(62516, 2)).await;
    acme.wait(1).await;
    wait_for_verdicts(&worker, "limited", 1).await;
    // Whatever stands in a row, it is the text of one key.
    let hostile = "E'https://x.example/\"\\nstate = \"active', 'x', false";
    database.run(&format!("INSERT INTO portals VALUES (7, {hostile})")).await;
    let made = make_file(&database, file.directory(), &listed(&addresses));
    assert!(made.status.success(), "{made:?}");
    let text = std::fs::read_to_string(file.path()).unwrap();
    let seventh = text.split("[tenants.portal-").find(|tenant| tenant.starts_with("7]")).unwrap();
    let states: Vec<_> = seventh.lines().filter(|line| line.starts_with("state")).collect();
    assert_eq!(states, ["state = \"paused\""], "{seventh}");
    database.run("UPDATE portals SET url = 'no address' WHERE portal_id = 7").await;
    let made = make_file(&database, file.directory(), &listed(&addresses));
    assert!(!made.status.success(), "{made:?}");
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), text, "a faulty one takes no place");
    database.run("DELETE FROM portals WHERE portal_id = 7; UPDATE portals SET active = true").await;
    let made = make_file(&database, file.directory(), &listed(&addresses));
    assert!(made.status.success(), "{made:?}");
    umbrella.wait(1).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    worker.stop().await;
    assert!(is_signed(&acme.received()[0]) && is_signed(&umbrella.received()[0]));
    rig.finish().await;
    database.end().await;
}

/// The bodies that a route with this transform makes of a change of this property.
fn made_by(transform: &str, name: &str, value: &str) -> Value {
    let file = File::of(&format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515" }}
        destinations.acme = {{ url = "https://hooks.acme.example/", sign = "none" }}
        [routes.acme]
        tenant = "acme"
        destination = "acme"
        {transform}
        "#
    ));
    let event = format!(
        r#"{{"eventId":7,"portalId":62515,"occurredAt":1769081993375,"subscriptionType":"deal.propertyChange","objectId":41,"propertyName":"{name}","propertyValue":"{value}","changeSource":"CRM_UI"}}"#
    );
    let events = file.directory().join("event.json");
    std::fs::write(&events, event).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_worker"))
        .args(["routes", "test", "--json", "--route", "acme", "--tenants-file"])
        .args([file.path(), events])
        .output()
        .unwrap();
    let tested: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let body = &tested["request"]["body"];
    body.as_str().map_or(Value::Null, |body| serde_json::from_str(body).unwrap())
}

#[test]
fn a_transform_in_javascript_becomes_a_template_that_makes_the_same() {
    let section = "A transform in JavaScript";
    let [handler, function] = blocks(section, "toml")[..] else { panic!("two templates") };
    let expected: Value = serde_json::from_str(blocks(section, "json")[0]).unwrap();
    assert_eq!(made_by(handler, "amount", "12500.5"), expected[0]);
    assert_eq!(made_by(handler, "dealname", "A roof"), Value::Null, "null drops it");
    assert_eq!(made_by(function, "dealstage", "closedwon"), expected[1]);
    let open = made_by(function, "dealstage", "a \\\"new\\\" one");
    assert_eq!(
        (&open["outcome"], &open["title"]),
        (&"open".into(), &"Deal 41 is a \"new\" one".into())
    );
}

on_every_engine! {
    a_source_with_filters_becomes_routes_that_send_what_they_should
    a_router_becomes_tenants_and_what_is_for_a_paused_portal_is_kept
    a_table_of_portals_becomes_the_file_by_one_query
}
