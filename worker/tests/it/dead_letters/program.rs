//! `worker dead-letters` as an operator runs it: the program itself.

use std::process::Stdio;

use secrecy::ExposeSecret as _;
use serde_json::Value;
use shared::broker::Broker;
use shared::testing::{DatabaseEngine, on_every_database};
use tokio::process::Command;
use worker::parts::records::dead_letters::{Filter, State};

use super::rig::{Letters, letter, with_body};
use crate::harness::within;

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// It has done what it should.
    #[track_caller]
    pub(crate) fn is_done(&self) {
        assert_eq!(self.code, Some(0), "{self:?}");
    }

    /// So many documents, one a line.
    #[track_caller]
    pub(crate) fn json_lines(&self, count: usize) -> Vec<Value> {
        self.is_done();
        let lines: Vec<_> = self.stdout.lines().map(serde_json::from_str).collect();
        assert_eq!(lines.len(), count, "{self:?}");
        lines.into_iter().map(Result::unwrap).collect()
    }

    pub(super) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The program, told where the rig's records are and nothing else.
pub(crate) fn command(rig: &Letters) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.env_clear().env("DATABASE_URL", rig.database.url()).env("USER", "ann");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs it on the rig's records, with its broker if it has one to itself.
pub(crate) async fn run(rig: &Letters, arguments: &[&str]) -> Ended {
    let mut command = command(rig);
    match rig.queues.broker() {
        Broker::RabbitMq { settings, .. } => {
            command.env("AMQP_URL", settings.amqp_url.expose_secret());
            command.env("PREFIX", &settings.prefix);
        }
        // This process has the data file open: its indexer would take the letters.
        Broker::Sqlite(embedded) => {
            command.env("DATA_DIR", embedded.store().file().parent().unwrap());
            rig.drain().await;
        }
    }
    command.arg("dead-letters").args(arguments);
    let output = within("the program's end", command.output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

async fn an_operator_finds_what_died_and_lets_go_of_it(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let some: Vec<_> = (1..=30)
        .map(|id| letter(id, "ERP_422", &format!("ERP answered 422: order {id} has no amount")))
        .collect();
    rig.put(&some).await;
    rig.put(&[letter(31, "SLACK_5XX", "Slack answered 503")]).await;

    let groups = run(&rig, &["groups", "--json"]).await.json();
    assert_eq!(groups["groups"].as_array().unwrap().len(), 2, "{groups}");
    assert_eq!(
        (&groups["groups"][0]["dead"], &groups["groups"][0]["code"]),
        (&30.into(), &"ERP_422".into())
    );
    let problem = groups["groups"][0]["key"].as_str().unwrap().to_owned();
    let by_code = run(&rig, &["groups", "--by", "code", "--json"]).await.json();
    assert_eq!(by_code["groups"][1]["key"], "SLACK_5XX");

    let page = run(&rig, &["list", "--problem", &problem, "--limit", "25", "--json"]).await.json();
    assert_eq!(page["letters"].as_array().unwrap().len(), 25);
    let next = page["next"].to_string();
    let rest =
        run(&rig, &["list", "--problem", &problem, "--before", &next, "--json"]).await.json();
    assert_eq!((rest["letters"].as_array().unwrap().len(), &rest["next"]), (5, &Value::Null));
    let id = rest["letters"][0]["id"].to_string();

    let shown = run(&rig, &["show", &id, "--payload", "--json"]).await.json();
    assert_eq!(shown["letter"]["code"], "ERP_422");
    // By the words that pages and flags have.
    assert_eq!(
        (&shown["letter"]["handler"], &shown["letter"]["problem"], &shown["letter"]["attempts"]),
        (&page["letters"][0]["handler"], &problem.clone().into(), &page["letters"][0]["attempts"])
    );
    assert!(shown["letter"]["attempts"].as_i64().unwrap() > 0, "{shown}");
    let event: Value = serde_json::from_str(shown["payload"].as_str().unwrap()).unwrap();
    assert_eq!(event["portalId"], 62515);

    let old = ["discard", "--code", "ERP_422", "--died-before", "7d", "--dry-run", "--json"];
    assert_eq!(run(&rig, &old).await.json()["plan"]["count"], 0, "they have just died");
    let planned = run(&rig, &["discard", "--code", "ERP_422", "--dry-run", "--json"]).await.json();
    assert_eq!((&planned["plan"]["count"], &planned["done"]), (&30.into(), &false.into()));
    let done = run(&rig, &["discard", "--code", "ERP_422", "--yes", "--json"]).await.json();
    let told = ["kind", "planned", "published", "fate"].map(|field| done[field].to_string());
    assert_eq!(told, ["\"discard\"", "30", "30", "\"succeeded\""]);
    let back = run(&rig, &["restore", &id, "--yes", "--by", "bob", "--json"]).await.json();
    assert_eq!((&back["kind"], &back["succeeded"]), (&"restore".into(), &1.into()));
    assert_eq!((rig.in_state(State::Discarded).await, rig.in_state(State::Dead).await), (29, 2));
    let acts = rig.records.audit(10).await.unwrap();
    let acts: Vec<_> = acts.iter().map(|act| (&*act.who, &*act.action, act.count)).collect();
    assert_eq!(acts, [("bob", "restore", 1), ("ann", "discard", 30), ("ann", "payload", 1)]);

    let noted = run(&rig, &["note", &problem, "ask them", "--json"]).await.json();
    assert_eq!(noted["note"], "ask them");
    // Nobody writes over what they have not read.
    for over in [&[][..], &["--over", "ask us"]] {
        let late = run(&rig, &[&["note", &problem, "mine"], over].concat()).await;
        assert_eq!(late.code, Some(1), "{late:?}");
        assert!(late.stderr.contains("ask them"), "{late:?}");
    }
    let group = rig.records.problem(&problem).await.unwrap().unwrap();
    assert_eq!(group.note.as_deref(), Some("ask them"));
    run(&rig, &["note", &problem, "ask them now", "--over", "ask them"]).await.is_done();
    run(&rig, &["note", &problem, "ask them", "--over", "ask them now"]).await.is_done();
    let text = run(&rig, &["groups"]).await;
    assert!(text.stdout.contains("ask them") && text.stdout.contains(&problem), "{text:?}");
    let wide = text.stdout.lines().find(|line| line.chars().count() > 100);
    assert_eq!(wide, None);
    let text = run(&rig, &["list", "--state", "any", "--limit", "100"]).await;
    let wide = text.stdout.lines().find(|line| line.chars().count() > 100);
    assert_eq!((text.code, wide), (Some(0), None));
    rig.finish().await;
}

/// Their result may never be heard of.
async fn what_is_being_retried_can_be_discarded(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&[letter(1, "A", "x"), letter(2, "A", "x")]).await;
    rig.claim(-1, &Filter::default(), 1).await;
    let id = rig.records.claimed(-1).await.unwrap()[0].letter.id;
    rig.mark_retried(-1, &[id]).await;
    let early = run(&rig, &["discard", "--all", "--sent-before", "1h", "--yes"]).await;
    assert!(early.stdout.contains("nothing to discard"), "{early:?}");
    let done = ["discard", "--all", "--sent-before", "0s", "--yes", "--json"];
    assert_eq!(run(&rig, &done).await.json()["succeeded"], 1);
    assert_eq!((rig.in_state(State::Discarded).await, rig.in_state(State::Dead).await), (1, 1));
    rig.finish().await;
}

async fn wrong_usage_and_failures_have_codes_of_their_own(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&[letter(1, "A", "x")]).await;
    for (arguments, code, says) in [
        (&["discard", "--yes"][..], 2, "--all"),
        (&["discard", "--all", "--code", "A", "--yes"], 2, "--all"),
        (&["restore"], 2, "--all"),
        (&["discard", "--code", "A"], 2, "--yes"),
        (&["list", "--state", "gone"], 2, "died_again"),
        (&["groups", "--by", "moon"], 2, "problem"),
        (&["nothing"], 2, "nothing"),
        (&["show", "999"], 1, "no letter 999"),
        (&["note", "0000", "x"], 1, "no such problem"),
        (&["list", "--no-index", "--database-url", "postgres://127.0.0.1:1/x"], 1, "database"),
        (&["list", "--database-url", "mysql://x"], 2, "DATABASE_URL"),
    ] {
        let ended = run(&rig, arguments).await;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(says), "{arguments:?}: {ended:?}");
    }
    assert_eq!(rig.in_state(State::Dead).await, 1);
    let everything = run(&rig, &["discard", "--all", "--yes"]).await;
    assert_eq!(everything.code, Some(0), "{everything:?}");
    assert!(everything.stdout.contains("job 1 has succeeded: 1 of 1 discarded"), "{everything:?}");
    assert_eq!(rig.in_state(State::Discarded).await, 1);
    let nothing = run(&rig, &["discard", "--all", "--yes"]).await;
    assert!(
        nothing.code == Some(0) && nothing.stdout.contains("nothing to discard"),
        "{nothing:?}"
    );
    rig.finish().await;
}

async fn a_hostile_letter_steers_no_terminal(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\r=cmd()";
    let body = [b"\xff{".as_slice(), hostile.as_bytes(), b"}\n"].concat();
    let json = serde_json::to_vec(&serde_json::json!({ "a": hostile, "b": ["\u{9b}"] })).unwrap();
    rig.index(&[
        with_body(letter(1, "A", hostile), body.clone().into()),
        with_body(letter(2, hostile, "x"), json.into()),
    ])
    .await;
    let letters = rig.records.list(&Filter::default(), None, 9).await.unwrap().letters;
    let ids: Vec<String> = letters.iter().map(|letter| letter.id.to_string()).collect();
    for arguments in [
        &["groups"][..],
        &["groups", "--json"],
        &["groups", "--by", "code"],
        &["list"],
        &["list", "--json"],
        &["show", &ids[0], "--payload"],
        &["show", &ids[1], "--payload"],
        &["show", &ids[0], "--payload=raw"],
        &["show", &ids[0], "--payload", "--json"],
        &["show", &ids[1], "--payload", "--json"],
        &["export"],
    ] {
        let ended = run(&rig, arguments).await;
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!ended.stdout.contains(steers), "{arguments:?}: {:?}", ended.stdout);
    }
    let exported = run(&rig, &["export"]).await.stdout;
    let lines: Vec<Value> =
        exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        lines.iter().any(|line| line["payload_hex"]
            .as_str()
            .is_some_and(|hex| hex.starts_with("ff7b1b5d")))
    );
    assert!(lines.iter().any(|line| line["code"] == hostile), "{lines:?}");
    let csv = run(&rig, &["export", "--format", "csv"]).await;
    assert!(csv.stdout.starts_with("id,died_ms,"), "{csv:?}");
    rig.finish().await;
}

on_every_database! {
    an_operator_finds_what_died_and_lets_go_of_it
    what_is_being_retried_can_be_discarded
    wrong_usage_and_failures_have_codes_of_their_own
    a_hostile_letter_steers_no_terminal
}
