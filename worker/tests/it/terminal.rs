//! Whatever was sent, no command lets it steer a terminal.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use shared::message::Message;
use shared::store::Store;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::{Filter, Grouping};

use crate::dead_letters::program::{command, run};
use crate::dead_letters::rig::{Letters, letter, with_body, with_event};
use crate::harness::within;

const HOSTILE: &str = "x\u{1b}[2J\u{9b}31m\r\nforged\t\u{7}\u{7f}\u{202e}\u{2066}\u{200b}\u{200d}\u{2060}\
    \u{feff}\u{ad}\u{61c}\u{e0041}";

/// Controls, and what turns text around or hides in it; lines and tabs may be a table's.
fn steers(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// What a program reads is made harmless in its own way: each line is JSON still.
fn assert_json(shown: &str) {
    for line in shown.lines() {
        let read = serde_json::from_str::<serde_json::Value>(line);
        assert!(read.is_ok(), "{read:?}: {line}");
    }
}

fn strange(id: u64, body: Bytes) -> Message {
    Message {
        target: Some(HOSTILE.to_owned()),
        traceparent: Some(HOSTILE.into()),
        ..with_event(with_body(letter(id, HOSTILE, HOSTILE), body), |event| {
            event.topic = HOSTILE.into();
        })
    }
}

async fn no_command_prints_what_steers(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let json = serde_json::to_string_pretty(&serde_json::json!({ HOSTILE: [HOSTILE] })).unwrap();
    let raw = Bytes::from([b"\xff\xfe".as_slice(), HOSTILE.as_bytes()].concat());
    rig.index(&[strange(1, json.into()), strange(2, raw), strange(3, HOSTILE.into())]).await;
    let letters = rig.records.list(&Filter::default(), None, 9).await.unwrap().letters;
    let problem = rig.records.groups(Grouping::Fingerprint, false).await.unwrap().remove(0).key;
    rig.records.note(&problem, "", Some(HOSTILE), HOSTILE).await.unwrap();
    let quoted = HOSTILE.replace('\'', "''");
    rig.database
        .run(&format!(
            "INSERT INTO event_log (day, id, identity, origin, type, object_id, received_ms, \
             started_ms, settled_ms, attempt, generation, target, verdict, code, error) VALUES \
             (99999, 1, '{}', 'hubspot/62515', '{quoted}', 1, 0, 0, 1, 0, 0, '{quoted}', 'permanent', \
             '{quoted}', '{quoted}')",
            letters[0].identity
        ))
        .await;
    let mut said = Vec::new();
    for flags in [&[][..], &["--json"]] {
        let mut command = command(&rig);
        let output = within("the events", command.arg("events").args(flags).output()).await;
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        let shown = String::from_utf8(output.stdout).unwrap();
        if !flags.is_empty() {
            assert_json(&shown);
        }
        said.push((format!("events {flags:?}"), shown));
    }
    let detached = ["retry", "--all", "--yes", "--detach", "--by", HOSTILE];
    let ids: Vec<String> = letters.iter().map(|letter| letter.id.to_string()).collect();
    let code = format!("--code={HOSTILE}");
    let mut runs: Vec<Vec<&str>> = vec![
        vec!["list"],
        vec!["list", "--json"],
        vec!["groups"],
        vec!["groups", "--json"],
        vec!["groups", "--by", "code"],
        vec!["groups", "--by", "handler"],
        vec!["export"],
        vec!["export", "--format", "csv"],
        vec!["discard", &code, "--dry-run"],
        detached.into(),
        vec!["jobs"],
        vec!["jobs", "--json"],
        vec!["jobs", "show", "1"],
        vec!["note", &problem],
    ];
    for id in &ids {
        for flags in
            [&[][..], &["--json"], &["--payload"], &["--payload=raw"], &["--payload", "--json"]]
        {
            runs.push([&["show", id.as_str()], flags].concat());
        }
    }
    for arguments in runs {
        let ended = run(&rig, &arguments).await;
        // A command that is not understood shows nothing that was sent, and proves nothing.
        assert_ne!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        if arguments.contains(&"--json") || arguments == ["export"] {
            assert_json(&ended.stdout);
        }
        said.push((format!("{arguments:?}"), ended.stdout + ended.stderr.as_str()));
    }
    for (what, text) in said {
        assert!(!text.is_empty(), "{what}");
        let found = text.chars().find(|c| steers(*c));
        assert_eq!(found, None, "{what}: {text:?}");
        // Nothing that was sent begins a line of its own, but for an event that is shown as it is.
        if !what.contains("payload") && !what.contains("csv") {
            assert!(!text.lines().any(|line| line.starts_with("forged")), "{what}: {text}");
        }
    }
    rig.finish().await;
}

/// A folder may be called anything, and no command makes its name harmless by itself.
#[tokio::test]
async fn what_a_folder_is_called_steers_nothing() {
    let name = format!("hubline-{:016x}{HOSTILE}", rand::random::<u64>());
    let folder = std::env::temp_dir().join(name);
    let store = Store::open(&folder).await.unwrap();
    let closed = store.closed();
    drop(store);
    closed.await;
    for (from, code) in [(folder.clone(), 0), (folder.join("missing"), 2)] {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_worker"));
        command.env_clear().args(["migrate", "--dry-run", "--from"]).arg(from);
        let output = within("the command", command.output()).await.unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said:?}");
        assert!(said.contains("\\u{1b}[2J") && !said.contains(steers), "{said:?}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// What is printed goes through one place, which makes it harmless.
#[test]
fn nothing_else_writes_to_a_terminal() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: Vec<PathBuf> =
        ["shared/src", "receiver/src", "worker/src"].map(|source| root.join(source)).into();
    let mut looked = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
        // The place itself, the log, which does the same, and an export, whose lines are harmless.
        let may = ["shared/src/terminal.rs", "shared/src/telemetry.rs", "dead_letters/export.rs"];
        if may.iter().any(|may| name.ends_with(may)) || name.contains("/testing") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let writes = |line: &&str| {
            let is_asked = line.contains("is_terminal()");
            let ways = ["print!(", "println!(", "io::stdout()", "io::stderr()"];
            !is_asked && ways.iter().any(|way| line.contains(way))
        };
        let found: Vec<&str> = text.lines().filter(writes).collect();
        assert!(found.is_empty(), "{name}: {found:?}");
        looked += 1;
    }
    assert!(looked > 200, "{looked}");
}

on_every_database! {
    no_command_prints_what_steers
}
