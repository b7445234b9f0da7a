//! What people are shown leaves out the properties it is told to; what is kept does not change.

use bytes::Bytes;
use serde_json::Value;
use shared::message::{Death, DeathReason, Message};
use shared::origin::Origin;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::Filter;

use super::program::{command, run};
use super::rig::{Letters, letter, with_body};
use crate::harness::{fresh, within};

const SECRET: &str = "jane@example.com";
const FLAG: [&str; 2] = ["--redact-properties", "email, Phone"];

fn changed(id: u64, name: &str, value: &str) -> Message {
    let body = format!(
        r#"{{"eventId":{id},"portalId":62515,"subscriptionType":"contact.propertyChange","objectId":{id},"occurredAt":1790000000000,"propertyName":"{name}","propertyValue":"{value}","extra":{{"Email":["{SECRET}"]}}}}"#
    );
    let error = format!("ERP answered 422: {value} is not valid");
    let death = Death::new(DeathReason::Permanent, "ERP_422", &error, shared::clock::now_ms());
    let target = Some("on_contact_created".to_owned());
    Message { attempt: 1, target, death: Some(death), ..fresh(&body) }
}

async fn what_is_left_out_is_shown_nowhere(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let messages = [changed(1, "email", SECRET), changed(2, "city", "Ulm")];
    rig.index(&messages).await;
    // A line of the log about each, as a worker writes them.
    for (id, message) in (1..).zip(&messages) {
        let error = &message.death.as_ref().unwrap().error;
        rig.database
            .run(&format!(
                "INSERT INTO event_log (day, id, identity, origin, type, object_id, received_ms, \
                 started_ms, settled_ms, attempt, generation, target, verdict, code, error, answer) VALUES \
                 (99999, {id}, '{}', 'hubspot/62515', 'contact.propertyChange', {id}, 0, 0, {id}, 0, 0, \
                 'on_contact_created', 'permanent', 'ERP_422', '{error}', 'why: {error}')",
                message.event.identity
            ))
            .await;
    }
    let letters = rig.records.list(&Filter::default(), None, 9).await.unwrap().letters;
    let of = letters.iter().find(|letter| letter.object_id == Some(1)).unwrap();
    let (id, identity) = (of.id.to_string(), of.identity.clone());
    let fingerprint = of.fingerprint.clone();
    let events = async |flags: &[&str]| {
        let mut command = command(&rig);
        command.arg("events").args(flags);
        let said = within("the events", command.output()).await.unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap()
    };
    for arguments in [
        &["show", &id][..],
        &["show", &id, "--json"],
        &["show", &id, "--payload"],
        &["show", &id, "--payload=raw"],
        &["show", &id, "--payload", "--json"],
        &["export"],
        &["export", "--format", "csv"],
        &["list"],
        &["list", "--json"],
        &["groups"],
        &["groups", "--json"],
    ] {
        let plain = run(&rig, arguments).await.stdout;
        let redacted = run(&rig, &[arguments, &FLAG[..]].concat()).await;
        assert_eq!(redacted.code, Some(0), "{redacted:?}");
        assert!(!redacted.stdout.contains(SECRET), "{arguments:?}: {}", redacted.stdout);
        assert!(plain.contains(SECRET), "{arguments:?}: {plain}");
        assert!(redacted.stdout.contains("[redacted]"), "{arguments:?}: {redacted:?}");
        // Nor what could be tried out until it fits.
        assert!(!redacted.stdout.contains(&identity[..8]), "{arguments:?}: {redacted:?}");
    }
    for flags in [&[][..], &["--json"]] {
        let plain = events(flags).await;
        assert!(plain.contains(SECRET) && plain.contains(&identity[..8]));
        let redacted = events(&[flags, &FLAG[..]].concat()).await;
        assert!(!redacted.contains(SECRET) && !redacted.contains(&identity[..8]), "{redacted}");
        assert!(redacted.contains("Ulm is not valid"), "{redacted}");
    }

    let json = run(&rig, &["show", &id, "--payload", "--json", FLAG[0], FLAG[1]]).await.json();
    // What it is called instead is the same everywhere, and leads to the event.
    let alias = json["letter"]["identity"].as_str().unwrap();
    assert!(json["log"].as_array().unwrap().iter().all(|line| line["identity"] == alias));
    let found = events(&["--event", alias, "--json", FLAG[0], FLAG[1]]).await;
    let found: Vec<Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["identity"], &found[0]["object_id"]), (&alias.into(), &1.into()));
    assert!(events(&FLAG).await.contains(alias));
    // Whoever has guessed an identity is not told that it is right.
    for guess in [&identity[..], &identity[..8], &identity[..32]] {
        let mut command = command(&rig);
        command.args(["events", "--event", guess]).args(FLAG);
        let said = within("the events", command.output()).await.unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(!said.contains("on_contact_created"), "{guess}: {said}");
    }
    let kept = String::from_utf8(messages[0].event.body().to_vec()).unwrap();
    let expected =
        kept.replace(&format!("[\"{SECRET}\"]"), "\"[redacted]\"").replace(SECRET, "[redacted]");
    assert_eq!(json["payload"], expected);
    assert_eq!(json["letter"]["error"], "ERP answered 422: [redacted] is not valid");
    let exported = run(&rig, &["export", "--object", "2", FLAG[0], FLAG[1]]).await.json();
    assert_eq!(exported["error"], "ERP answered 422: Ulm is not valid");
    assert_eq!(
        rig.records.body(id.parse().unwrap()).await.unwrap().unwrap(),
        *messages[0].event.body()
    );
    // A problem is told by its messages' words, and by a key that is this database's.
    let other = Letters::new(engine).await;
    other.index(&messages).await;
    let letters = other.records.list(&Filter::default(), None, 9).await.unwrap().letters;
    let again = letters.iter().find(|letter| letter.object_id == Some(1)).unwrap();
    assert!(again.identity == identity && again.fingerprint != fingerprint, "{fingerprint}");
    other.finish().await;
    rig.finish().await;
}

async fn what_cannot_be_read_and_names_a_property_is_not_shown(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let body = format!("{{\"email\":\"{SECRET}\",");
    rig.index(&[
        with_body(letter(1, "UNREADABLE", "end of input at column 9"), Bytes::from(body)),
        with_body(letter(2, "UNREADABLE", "no object"), Bytes::from_static(b"\xff\x00")),
    ])
    .await;
    let exported = run(&rig, &["export", FLAG[0], FLAG[1]]).await.stdout;
    assert!(!exported.contains(SECRET), "{exported}");
    let lines: Vec<Value> =
        exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let withheld = lines.iter().find(|line| line["payload_withheld"].is_string()).unwrap();
    assert_eq!(
        (&withheld["payload"], &withheld["error"]),
        (&Value::Null, &"end of input at column 9".into())
    );
    assert!(lines.iter().any(|line| line["payload_hex"] == "ff00"), "{lines:?}");
    let id = withheld["id"].to_string();
    let shown = run(&rig, &["show", &id, "--payload", FLAG[0], FLAG[1]]).await;
    assert!(shown.stdout.contains("The event is not shown"), "{shown:?}");
    let csv = run(&rig, &["export", "--format", "csv", FLAG[0], FLAG[1]]).await.stdout;
    assert!(csv.contains("not shown") && !csv.contains(SECRET), "{csv}");
    rig.finish().await;
}

async fn what_was_erased_is_said_to_be(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&[changed(1, "email", SECRET)]).await;
    super::rig::records(&rig).erase_contact(&Origin::hubspot(62515), 1).await.unwrap();
    for arguments in [
        &["show", "1", "--payload"][..],
        &["list"],
        &["export"],
        &["export", "--format", "csv"],
        &["show", "1", "--payload", "--json"],
    ] {
        for flags in [&[][..], &FLAG[..]] {
            let ended = run(&rig, &[arguments, flags].concat()).await;
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert!(!ended.stdout.contains(SECRET), "{ended:?}");
            if arguments.len() < 4 && arguments[0] != "export" {
                assert!(ended.stdout.contains("erased"), "{ended:?}");
            }
        }
    }
    rig.finish().await;
}

on_every_database! {
    what_is_left_out_is_shown_nowhere
    what_cannot_be_read_and_names_a_property_is_not_shown
    what_was_erased_is_said_to_be
}
