//! `worker tenants test`: what really goes out to a destination, and what is told of its answer.

use std::process::{Output, Stdio};

use serde_json::Value;
use shared::testing::{Proxy, database_url};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::channel::{SECRET_PATH, channel};
use super::endpoint::{Answer, Endpoint, Received};
use super::file::{File, SECRET};
use super::signed::is_signed;
use super::table::{PASSWORD, Table};
use super::{one, two};
use crate::harness::{deal, deal_of};

/// With the tenants of this file, and what may be called of `allowed`. An event stands on standard input.
async fn told_of(file: &File, allowed: &str, event: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(["tenants", "test"]).args(arguments).env_clear();
    command.env("TENANTS_FILE", file.path()).env("TENANT_SECRETS_DIR", file.directory());
    command.env("DESTINATION_ALLOW", allowed).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever does not read it has ended before.
    let _ = child.stdin.take().unwrap().write_all(event.as_bytes()).await;
    child.wait_with_output().await.unwrap()
}

/// The same without an event, as words and with the exit code.
async fn told(file: &File, allowed: &str, arguments: &[&str]) -> (i32, String) {
    let output = told_of(file, allowed, "", arguments).await;
    (output.status.code().unwrap(), words(&output))
}

fn words(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let said = [text(&output.stdout), text(&output.stderr)].concat();
    assert!(!said.contains(SECRET) && !said.contains(PASSWORD), "{said}");
    said
}

/// What the one document says that `--json` gives.
async fn document(file: &File, allowed: &str, arguments: &[&str]) -> Value {
    let output = told_of(file, allowed, "", &[&["--json"], arguments].concat()).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.contains(SECRET), "{said}");
    serde_json::from_str(said.trim()).unwrap()
}

fn event_in(received: &Received) -> Value {
    serde_json::from_slice(&received.body).unwrap()
}

/// One destination of acme's, with more of its keys, beside a route.
fn acme(endpoint: &Endpoint, more: &str) -> File {
    // Behind the destination, whose keys these are.
    File::of(&format!("{}\n{more}", one(endpoint, "active", "active")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_goes_out_as_an_event_does_and_is_known_as_one() {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let file = File::of(&two(&acme, &umbrella));
    let allowed = super::listed(&[acme.address, umbrella.address]);
    let (code, said) = told(&file, &allowed, &["acme-crm"]).await;
    assert_eq!(code, 0, "{said}");
    let url = format!("POST {}", acme.url());
    for part in [
        &*url,
        "webhook-signature: v1,",
        "x-environment: test",
        "200 after",
        "ms, done",
        "no limit and no breaker counts this",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let (code, _) = told(&file, &allowed, &["destination/acme-crm"]).await;
    assert_eq!(code, 0);
    let [first, second] = &acme.received()[..] else { panic!("{:?}", acme.received()) };
    for received in [first, second] {
        assert!(is_signed(received), "{received:?}");
        assert!(received.header("webhook-id").starts_with("test_"), "{received:?}");
        assert_eq!(received.header("webhook-id"), received.header("idempotency-key"));
        assert_eq!(received.header("x-environment"), "test");
        let event = event_in(received);
        assert_eq!(event["portalId"], 62515);
        assert_eq!(event["subscriptionType"], "deal.propertyChange");
    }
    assert_ne!(first.header("webhook-id"), second.header("webhook-id"));
    assert_ne!(event_in(first)["eventId"], event_in(second)["eventId"]);
    assert!(said.contains(first.header("webhook-id")), "{said}");
    assert!(
        said.contains(first.header("webhook-signature")),
        "what is shown is what was sent: {said}"
    );

    let document = document(&file, &allowed, &["umbrella-crm"]).await;
    assert_eq!((&document["status"], &document["meaning"]), (&200.into(), &"done".into()));
    assert_eq!(document["is_sent"], true);
    assert_eq!(document["origin"], "hubspot/62516");
    assert!(document["duration_ms"].is_u64(), "{document}");
    let [received] = &umbrella.received()[..] else { panic!("{:?}", umbrella.received()) };
    assert_eq!(event_in(received)[0]["portalId"], 62516);
    assert_eq!(document["test"], received.header("idempotency-key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_means_is_told_with_what_it_says() {
    let answers = [500, 410, 422, 302, 429].map(|status| {
        let header = (status == 429).then(|| ("retry-after", "7".to_owned()));
        Answer(status, header, format!("no, {}", "y".repeat(5_000)))
    });
    let endpoint = Endpoint::start(answers);
    let file = acme(&endpoint, "");
    let allowed = endpoint.address.to_string();
    for (status, meaning, says) in [
        (500, "retried", "tried again on schedule"),
        (410, "paused", "every 15 minutes"),
        (422, "dead-letter", "would become a dead letter"),
        (302, "dead-letter", "would become a dead letter"),
        (429, "held", "for 7s"),
    ] {
        let output = told_of(&file, &allowed, "", &["acme-crm", "--json"]).await;
        assert_eq!(output.status.code(), Some(1), "{status}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&document["status"], &document["meaning"]), (&status.into(), &meaning.into()));
        assert!(document["says"].as_str().unwrap().contains(says), "{document}");
        let answer = document["answer"].as_str().unwrap();
        assert!(answer.starts_with("no, yyy") && answer.len() <= 2048, "{}", answer.len());
    }
    assert_eq!(endpoint.received().len(), 5, "each once: a test is not tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_is_given_up_in_its_time() {
    let endpoint = Endpoint::start([]);
    endpoint.shut();
    let short = "connect_timeout = \"200ms\"\nfirst_byte_timeout = \"200ms\"\ntimeout = \"200ms\"";
    let file = acme(&endpoint, short);
    let (code, said) = told(&file, &endpoint.address.to_string(), &["acme-crm"]).await;
    assert_eq!(code, 1, "{said}");
    for part in ["DESTINATION_TIMEOUT", "within 200 ms", "may have arrived all the same"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    endpoint.open();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_told_with_why_and_nothing_is() {
    let endpoint = Endpoint::start([]);
    let file =
        acme(&endpoint, "[destinations.all]\nurl = \"https://example.com\"\nsign = \"none\"");
    let allowed = endpoint.address.to_string();
    for (allowed, arguments, part) in [
        ("", &["acme-crm"][..], "destinations.acme-crm: url: "),
        (
            &allowed,
            &["acme-crn"],
            "there is no destination \"acme-crn\": did you mean \"acme-crm\"?",
        ),
        (&allowed, &["acme-crm", "--route", "acme-deal"], "did you mean \"acme-deals\"?"),
        (&allowed, &["all", "--route", "acme-deals"], "leads to acme-crm, not to all"),
        (&allowed, &["all"], "say with --tenant"),
        (&allowed, &["all", "--tenant", "acne"], "did you mean \"acme\"?"),
        (&allowed, &["acme-crm", "--no-secrets"], "leave --no-secrets away"),
    ] {
        let (code, said) = told(&file, allowed, arguments).await;
        assert_eq!(code, 1, "{arguments:?}: {said}");
        assert!(said.contains(part), "{part} in {said}");
    }
    std::fs::remove_file(file.directory().join("secret")).unwrap();
    let (code, said) = told(&file, &allowed, &["acme-crm"]).await;
    assert_eq!(code, 1);
    assert!(
        said.contains("nothing can be sent: ") && said.contains("acme-crm: cannot read"),
        "{said}"
    );
    assert!(endpoint.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_of_all_is_tested_for_one_tenant_and_what_is_paused_too() {
    let endpoint = Endpoint::start([]);
    let url = endpoint.url();
    let file = File::of(&format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515", state = "paused" }}
        tenants.umbrella = {{ origin = "hubspot/62516" }}
        destinations.all = {{ url = "{url}", sign = "none", state = "paused" }}
        destinations.own = {{ tenant = "acme", url = "{url}", sign = "none" }}
        routes.all = {{ destination = "all" }}
        routes.acme = {{ tenant = "acme", destination = "all" }}
        "#
    ));
    let allowed = endpoint.address.to_string();
    for (arguments, portal) in [
        (&["all", "--tenant", "umbrella"][..], 62516),
        (&["all", "--tenant", "acme", "--route", "all"], 62515),
        (&["all", "--route", "acme"], 62515),
    ] {
        let (code, said) = told(&file, &allowed, arguments).await;
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("the destination all is paused"), "{said}");
        assert_eq!(said.contains("the tenant acme is paused"), portal == 62515, "{said}");
        let received = endpoint.received();
        assert_eq!(event_in(received.last().unwrap())["portalId"], portal);
    }
    let (code, said) = told(&file, &allowed, &["own", "--tenant", "umbrella"]).await;
    assert!(code == 1 && said.contains("own is acme's"), "{said}");
    // An event that is given says itself whose it is.
    let given = told_of(&file, &allowed, &deal_of(62516, 4), &["all", "-"]).await;
    assert!(given.status.success(), "{}", words(&given));
    assert_eq!(endpoint.received().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_makes_of_the_event_what_it_would() {
    let endpoint = Endpoint::start([]);
    let file = acme(
        &endpoint,
        r#"
        [routes.acme-names]
        tenant = "acme"
        destination = "acme-crm"
        filter = { field = "subscriptionType", operator = "equals", value = "deal.creation" }
        transform = { template = '{"id": {{ event.objectId }}, "name": {{ record.dealname }}}' }
        "#,
    );
    let allowed = endpoint.address.to_string();
    let (code, said) = told(&file, &allowed, &["acme-crm", "--route", "acme-names"]).await;
    assert_eq!(code, 1);
    for part in ["no: subscriptionType equals", "nothing was sent", "1 of 1 event did not arrive"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let record = file.directory().join("record.json");
    std::fs::write(&record, r#"{"dealname": "Anvils"}"#).unwrap();
    let record = record.to_str().unwrap();
    let arguments = ["acme-crm", "--route", "acme-names", "--record", record, "-"];
    let batch = format!("[{},{}]", deal(7), deal(8));
    let given = told_of(&file, &allowed, &batch, &arguments).await;
    assert!(given.status.success(), "{}", words(&given));
    let bodies: Vec<Value> = endpoint.received().iter().map(event_in).collect();
    let made = |id: u64| serde_json::json!({ "id": id, "name": "Anvils" });
    assert_eq!(bodies, [made(7), made(8)]);

    // Nobody gets another tenant's event, and nobody a flood.
    for (events, part) in [
        (deal_of(62516, 9), "hubspot/62516 is no tenant's origin"),
        (format!("[{}]", vec![deal(1); 21].join(",")), "there are 21 events"),
        ("[]".to_owned(), "no event"),
    ] {
        let given = told_of(&file, &allowed, &events, &["acme-crm", "-"]).await;
        let told = words(&given);
        assert!(!given.status.success() && told.contains(part), "{part} in {told}");
    }
    assert_eq!(endpoint.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_one_has_failed_if_its_answer_names_it() {
    let failure = r#"{"failures":[{"index":0,"status":422,"message":"no such deal"}]}"#;
    let endpoint = Endpoint::start([Answer(200, None, failure.to_owned())]);
    let file = acme(&endpoint, "batch = { events = 10, wait = \"10ms\" }");
    let allowed = endpoint.address.to_string();
    let failed = document(&file, &allowed, &["acme-crm"]).await;
    assert_eq!((&failed["status"], &failed["meaning"]), (&422.into(), &"dead-letter".into()));
    assert_eq!(failed["answer"], "no such deal");
    let done = document(&file, &allowed, &["acme-crm"]).await;
    assert_eq!((&done["status"], &done["meaning"]), (&200.into(), &"done".into()));
    let received = endpoint.received();
    let id = received[1].header("webhook-id");
    assert!(id.starts_with("test_") && is_signed(&received[1]), "{id}");
    assert_eq!(event_in(&received[1])["events"][0]["id"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_and_a_row_are_really_made_and_told_of() {
    let slack = Endpoint::start([]);
    let chat = channel(slack.address);
    let (code, said) = told(&chat, &slack.address.to_string(), &["acme-chat"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("there is a message of this test in the channel now"), "{said}");
    assert!(said.contains("/…") && !said.contains(SECRET_PATH), "{said}");
    let [message] = &slack.received()[..] else { panic!("{:?}", slack.received()) };
    assert!(event_in(message)["text"].as_str().unwrap().contains("record/0-3/123"));

    let table = Table::new().await;
    let rows = File::of(&format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515" }}
        [destinations.acme-rows]
        tenant = "acme"
        postgres = {{ url = @secret, table = "{}" }}
        "#,
        table.name("events")
    ));
    std::fs::write(rows.directory().join("secret"), table.url(None)).unwrap();
    let allowed = Proxy::server_of(&database_url());
    let (code, said) = told(&rows, &allowed, &["acme-rows"]).await;
    assert_eq!(code, 0, "{said}");
    let named = said.split("\"hubline_id\" = '").nth(1).unwrap().split('\'').next().unwrap();
    let count = format!(
        "SELECT count(*) FROM events WHERE object_id = 123 AND hubline_id = '{named}' \
         AND hubline_id LIKE 'test\\_%'"
    );
    assert_eq!(table.number(&count).await, 1, "{said}");
    table.run("ALTER TABLE events DROP COLUMN property").await;
    let (code, said) = told(&rows, &allowed, &["acme-rows"]).await;
    assert_eq!(code, 1);
    assert!(said.contains("DESTINATION_SQL_42703") && said.contains("dead letter"), "{said}");
    table.end().await;
}
