//! What is a Slack channel or a table, and what goes with it.

use std::path::PathBuf;

use super::sample::{faults, tenants};
use crate::destination::postgres::{Identifier, Table};
use crate::tenants::{Database, Difference, SecretRef, Sink};

const SINKS: &str = r#"
[tenants.acme]
origin = "hubspot/1"

[destinations.chat]
tenant = "acme"
slack = { env = "CHAT" }
rate = "1/s"

[destinations.rows]
postgres = { url = { env = "ROWS" }, table = "hubspot.events" }

[destinations.others]
postgres = { url = { file = "/rows" }, table = "events", key = "id", ca = { file = "/ca" } }
connect_timeout = "2s"
concurrency = 3
"#;

fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.to_owned())
}

fn file(path: &str) -> SecretRef {
    SecretRef::File(PathBuf::from(path))
}

/// Of a destination, from line 2 on.
fn destination(keys: &str) -> Vec<String> {
    faults(&format!("[destinations.d]\n{keys}"))
}

#[test]
fn a_channel_and_a_table_are_read_with_their_secrets() {
    let read = tenants(SINKS);
    assert_eq!(read.destinations["chat"].sink, Sink::Slack(env("CHAT")));
    let table = |text| Table::parse(text).unwrap();
    let column = |text| Identifier::parse(text).unwrap();
    let (key, ca) = (column("hubline_id"), None);
    let rows = Database { url: env("ROWS"), table: table("hubspot.events"), key, ca };
    assert_eq!(read.destinations["rows"].sink, Sink::Postgres(rows));
    let (key, ca) = (column("id"), Some(file("/ca")));
    let others = Database { url: file("/rows"), table: table("public.events"), key, ca };
    assert_eq!(read.destinations["others"].sink, Sink::Postgres(others));
    let secrets: Vec<_> = read.secrets().cloned().collect();
    assert_eq!(secrets, [env("CHAT"), file("/rows"), file("/ca"), env("ROWS")]);
}

#[test]
fn a_destination_is_one_thing_and_has_its_keys_alone() {
    for (keys, expected) in [
        (
            "url = 'https://d.example'\nslack.env = 'D'",
            "3:1: destinations.d.slack: is there beside url, and a destination is one of them: remove one",
        ),
        (
            "slack.env = 'D'\npostgres = {}",
            "3:12: destinations.d.postgres: is there beside slack, and a destination is one of them: remove one",
        ),
        (
            "slack.env = 'D'\nsign = 'none'",
            "3:8: destinations.d.sign: goes with url, and not with slack: remove it",
        ),
        (
            "postgres = { url.env = 'D', table = 't' }\nsecret.env = 'S'",
            "3:1: destinations.d.secret: goes with url, and not with postgres: remove it",
        ),
        (
            "slack.env = 'D'\ntransient_statuses = [404]",
            "3:22: destinations.d.transient_statuses: goes with url, and not with slack: remove it",
        ),
        (
            "slack = 'https://hooks.slack.com/services/hunter2'",
            "2:9: destinations.d.slack: no secret is written into this file: write { env = \"NAME\" } or { \
             file = \"/path/to/it\" } instead",
        ),
        (
            "postgres = { table = 't' }",
            "2:1: destinations.d.postgres.url: is missing: add url = { env = \"NAME\" } or { file = \
             \"/path/to/it\" }",
        ),
        (
            "postgres = { url.env = 'D' }",
            "2:1: destinations.d.postgres.table: is missing: add table = \"schema.table\"",
        ),
        (
            "postgres = { url.env = 'D', table = 'a b' }",
            "2:37: destinations.d.postgres.table: must be the name of a table, such as \"hubspot.events\": \
             letters, digits, `_` and `$`, at most 63 in each part",
        ),
        (
            "postgres = { url.env = 'D', table = 't', key = 'a\"' }",
            "2:48: destinations.d.postgres.key: must be the name of a column, such as \"hubline_id\": letters, \
             digits, `_` and `$`, at most 63",
        ),
        (
            "postgres = { url.env = 'D', tabel = 't', table = 't' }",
            "2:29: destinations.d.postgres.tabel: there is no such key: did you mean \"table\"?",
        ),
        (
            "postgres = 'hunter2'",
            "2:12: destinations.d.postgres: must be a table, not a text: begin it with [destinations.d.postgres]",
        ),
    ] {
        assert_eq!(destination(keys), [expected], "{keys}");
    }
}

#[test]
fn what_is_no_url_gets_json() {
    let route = |gives: &str, destination: &str| {
        format!(
            "{SINKS}[destinations.web]\nurl = 'https://d.example'\nsign = 'none'\n\
             [routes.r]\ntenant = 'acme'\ndestination = '{destination}'\n\
             transform = {{ template = 'x', gives = '{gives}' }}"
        )
    };
    for destination in ["chat", "rows"] {
        for gives in ["form", "text"] {
            let expected = format!(
                "23:13: routes.r.transform: must give json for {destination}: it is no url"
            );
            assert_eq!(faults(&route(gives, destination)), [expected]);
        }
        tenants(&route("json", destination));
    }
    tenants(&route("text", "web"));
}

#[test]
fn what_changes_is_told_by_its_key() {
    let old = tenants(SINKS);
    let told = |new: &str| Difference::between(&old, &tenants(new)).to_string();
    assert_eq!(told(&SINKS.replace("\"CHAT\"", "\"OTHER\"")), "~ destination chat: slack");
    assert_eq!(told(&SINKS.replace("hubspot.events", "events")), "~ destination rows: postgres");
    let moved =
        SINKS.replace("slack = { env = \"CHAT\" }", "url = \"https://d.example\"\nsign = \"none\"");
    assert_eq!(told(&moved), "~ destination chat: url, slack");
}
