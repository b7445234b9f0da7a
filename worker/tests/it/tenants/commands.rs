//! `worker tenants` and `worker routes`, as people call them.

use std::process::{Command, Output};

use super::file::{File, SECRET};
use crate::harness::deal;

const FILE: &str = r#"
[tenants.acme]
origin = "hubspot/62515"
[destinations.acme-crm]
tenant = "acme"
url = "https://hooks.acme.example/hubspot?of=acme"
secret = @secret
headers = { X-Webhook-Secret = @secret }
[routes.acme-deals]
tenant = "acme"
destination = "acme-crm"
filter = { field = "subscriptionType", operator = "equals", value = "deal.creation" }
"#;

/// With the secrets of this file.
fn worker(file: &File, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(arguments).env("TENANT_SECRETS_DIR", file.directory()).output().unwrap()
}

fn out(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    [text(&output.stdout), text(&output.stderr)].concat()
}

#[test]
fn a_file_is_checked_and_each_fault_has_its_place() {
    let file = File::of(FILE);
    let path = file.path().display().to_string();
    let output = worker(&file, &["tenants", "check", &path]);
    assert!(output.status.success(), "{}", out(&output));
    assert!(out(&output).contains("1 tenant, 1 destination and 1 route"), "{}", out(&output));
    let json = |output: &Output| -> serde_json::Value {
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(output)))
    };
    let as_json = ["tenants", "check", "--json", &path];
    let output = worker(&file, &as_json);
    assert!(output.status.success());
    assert_eq!(json(&output), serde_json::json!({ "file": path, "faults": [] }));
    file.write(
        &FILE.replace("acme-crm\"\nfilter", "acme-crn\"\nfilter").replace("equals", "equal"),
    );
    let output = worker(&file, &["tenants", "check", &path]);
    assert_eq!(output.status.code(), Some(1));
    let said = out(&output);
    for part in [":11:", ":12:", "acme-crm", "equals"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let output = worker(&file, &as_json);
    assert_eq!(output.status.code(), Some(1));
    let faults = json(&output)["faults"].as_array().unwrap().clone();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].as_str().unwrap().contains(":11:"), "{faults:?}");
}

#[test]
fn a_plan_says_what_would_change_and_a_list_what_there_is() {
    let (old, new) = (File::of(FILE), File::of(&FILE.replace("of=acme\"", "of=others\"")));
    let path = |file: &File| file.path().display().to_string();
    let (from, to) = (path(&old), path(&new));

    let plan = out(&worker(&old, &["tenants", "plan", &to, "--against", &from]));
    assert!(plan.contains("acme-crm") && plan.contains("url"), "{plan}");
    assert!(!plan.contains("others"), "an address may be a secret: {plan}");
    let same = out(&worker(&old, &["tenants", "plan", &from, "--against", &from]));
    assert_eq!(same.trim(), "nothing would change");
    let listed = out(&worker(&old, &["tenants", "list", "--json", &from]));
    let listed: serde_json::Value = serde_json::from_str(listed.trim()).unwrap();
    assert_eq!(listed["routes"][0]["destination"], "acme-crm");
}

#[test]
fn a_route_is_tried_without_sending_anything_or_showing_a_secret() {
    let file = File::of(FILE);
    let events = file.directory().join("events.json");
    let batch = format!("[{},{}]", deal(1), deal(2).replace("deal.creation", "deal.deletion"));
    std::fs::write(&events, batch).unwrap();
    let (path, events) = (file.path().display().to_string(), events.display().to_string());
    let output = worker(
        &file,
        &["routes", "test", "--json", "--tenants-file", &path, "--route", "acme-deals", &events],
    );
    let said = out(&output);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains(SECRET), "{said}");
    let tested: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(tested.len(), 2);
    assert_eq!((&tested[0]["is_taken"], &tested[1]["is_taken"]), (&true.into(), &false.into()));
    assert_eq!(tested[0]["request"]["url"], "https://hooks.acme.example/hubspot?of=acme");
    assert_eq!(tested[0]["request"]["body"], deal(1));
    assert!(tested[1]["request"].is_null());
    let headers = tested[0]["request"]["headers"].to_string();
    for part in ["webhook-signature", "[\"x-webhook-secret\",\"[secret]\"]", "idempotency-key"] {
        assert!(headers.contains(part), "{part} in {headers}");
    }
    let for_people = out(&worker(
        &file,
        &["routes", "test", "--tenants-file", &path, "--route", "acme-deals", &events],
    ));
    for part in ["goes out", "does not go this way", "subscriptionType", "deal.deletion"] {
        assert!(for_people.contains(part), "{part} in {for_people}");
    }
    let unknown =
        worker(&file, &["routes", "test", "--tenants-file", &path, "--route", "acme", &events]);
    assert_eq!(unknown.status.code(), Some(1));
}

/// What workers are told of the app's own changes is not known where a route is tested.
#[test]
fn a_change_that_the_app_made_is_shown_as_one() {
    let file = File::of(FILE);
    let events = file.directory().join("events.json");
    let own = r#""changeSource":"INTEGRATION","sourceId":"54321""#;
    std::fs::write(&events, deal(1).replace(r#""changeSource":"CRM_UI""#, own)).unwrap();
    let (path, events) = (file.path().display().to_string(), events.display().to_string());
    let arguments = ["routes", "test", "--tenants-file", &path, "--route", "acme-deals", &events];
    let said = out(&worker(&file, &arguments));
    for part in ["with HANDLE_OWN_WRITES alone", "goes out", "webhook-signature"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn a_route_that_keeps_the_order_of_records_says_so() {
    let file = File::of(&format!("{FILE}order = \"object\"\nafter_failure = \"take-along\"\n"));
    let events = file.directory().join("events.json");
    std::fs::write(&events, deal(7)).unwrap();
    let (path, events) = (file.path().display().to_string(), events.display().to_string());
    let arguments = ["routes", "test", "--tenants-file", &path, "--route", "acme-deals", &events];
    let said = out(&worker(&file, &arguments));
    for part in ["deal/7", "one after the other", "for 5m, then takes them along"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let listed = out(&worker(&file, &["tenants", "list", "--json", &path]));
    assert!(listed.contains(r#""order":"object""#), "{listed}");
}

/// What is no URL is shown as what it becomes.
#[test]
fn a_row_and_a_message_are_shown_without_their_secrets() {
    let file = File::of(
        r#"
        tenants.acme = { origin = "hubspot/62515" }
        destinations.rows = { postgres = { url = @secret, table = "hubspot.events" } }
        destinations.chat.slack = @chat
        routes.rows = { tenant = "acme", destination = "rows" }
        routes.chat = { tenant = "acme", destination = "chat" }
        "#,
    );
    let directory = file.directory();
    std::fs::write(directory.join("secret"), "postgres://u:hunter2@db.example.com/d").unwrap();
    std::fs::write(directory.join("chat"), "https://hooks.slack.com/services/hunter2").unwrap();
    let chat = format!("{{ file = \"{}\" }}", directory.join("chat").display());
    let text = std::fs::read_to_string(file.path()).unwrap().replace("@chat", &chat);
    file.write(&text);
    let events = directory.join("events.json");
    std::fs::write(&events, deal(7)).unwrap();
    let (path, events) = (file.path().display().to_string(), events.display().to_string());
    let tested = |route: &str, flags: &[&str]| {
        let arguments = ["routes", "test", "--tenants-file", &path, "--route", route, &events];
        let output = worker(&file, &[&arguments[..], flags].concat());
        let said = out(&output);
        assert!(output.status.success() && !said.contains("hunter2"), "{said}");
        said
    };
    let row: serde_json::Value = serde_json::from_str(tested("rows", &["--json"]).trim()).unwrap();
    let statement = row["row"]["statement"].as_str().unwrap();
    assert!(
        statement.starts_with("INSERT INTO \"hubspot\".\"events\" (\"hubline_id\""),
        "{statement}"
    );
    let values: serde_json::Value =
        serde_json::from_str(row["row"]["values"].as_str().unwrap()).unwrap();
    assert_eq!((&values["object_id"], &values["type"]), (&7.into(), &"deal.creation".into()));
    let message: serde_json::Value =
        serde_json::from_str(tested("chat", &["--json"]).trim()).unwrap();
    assert_eq!(message["request"]["url"], "https://hooks.slack.com/…");
    assert!(message["request"]["body"].as_str().unwrap().contains("record/0-3/7"), "{message}");
    assert!(tested("rows", &[]).contains("INSERT INTO"));
    assert!(tested("chat", &[]).contains("POST https://hooks.slack.com/…"));
    for arguments in
        [&["tenants", "check", &path][..], &["tenants", "check", "--no-secrets", &path]]
    {
        assert!(worker(&file, arguments).status.success());
    }

    let proxied =
        worker(&file, &["tenants", "check", "--forward-proxy", "http://proxy:3128", &path]);
    assert!(out(&proxied).contains("rows: postgres: no database is reached through FORWARD_PROXY"));
    std::fs::write(directory.join("secret"), "postgres://u:hunter2@10.0.0.1/d").unwrap();
    std::fs::write(directory.join("chat"), "https://example.com/services/hunter2").unwrap();
    let refused = out(&worker(&file, &["tenants", "check", &path]));
    for part in
        ["chat: slack: this is no host of Slack's", "rows: postgres.url: this is no address"]
    {
        assert!(refused.contains(part) && !refused.contains("hunter2"), "{refused}");
    }
}

/// A tenant's destination is shown a tenant's secrets, and none of the worker's.
#[test]
fn no_other_secret_can_be_named() {
    let outside = File::of(FILE);
    let secret = outside.directory().join("secret").display().to_string();
    for (reference, told) in [
        (format!("{{ file = \"{secret}\" }}"), "TENANT_SECRETS_DIR"),
        ("{ env = \"HUBSPOT_ACCESS_TOKEN\" }".to_owned(), "TENANT_"),
    ] {
        let file = File::of(&FILE.replacen("@secret", &reference, 1));
        let output = worker(&file, &["tenants", "check", &file.path().display().to_string()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(out(&output).contains(told), "{}", out(&output));
        // A link inside that leads out is no better.
        let link = file.directory().join("link");
        std::os::unix::fs::symlink(outside.directory().join("secret"), &link).unwrap();
        let reference = format!("{{ file = \"{}\" }}", link.display());
        file.write(&FILE.replacen("@secret", &reference, 1));
        let output = worker(&file, &["tenants", "check", &file.path().display().to_string()]);
        assert!(out(&output).contains("TENANT_SECRETS_DIR"), "{}", out(&output));
    }
}

/// What the documentation shows can be used as it stands.
#[test]
fn the_documented_file_can_be_used() {
    let docs = include_str!("../../../../docs/tenants.md");
    let example = docs.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let file = File::of(example);
    let path = file.path().display().to_string();
    let output = worker(&file, &["tenants", "check", "--no-secrets", &path]);
    assert!(output.status.success(), "{}", out(&output));
    let output = worker(&file, &["tenants", "check", &path]);
    assert!(
        out(&output).contains("the variable TENANT_ACME_SECRET is not set"),
        "{}",
        out(&output)
    );
}
