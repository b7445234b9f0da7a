//! `worker standalone --demo` as a new user runs it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use shared::senders::hubspot::signature::{ClientSecret, Version};
use worker::parts::poster::Poster;

use super::contact;
use super::data::Data;
use crate::console::rig::Browser;
use crate::harness::within;

/// Longer than the demo itself waits until all is as it should be.
const SHOW: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_needs_nothing_tells_the_truth_and_leaves_nothing_behind() {
    let room = Data::new();
    std::fs::create_dir(&room.0).unwrap();
    let demo = demo(&room.0, &["--once"]);
    let shown =
        tokio::time::timeout(SHOW, demo.wait_with_output()).await.expect("it goes on").unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(0), "{text}");
    // Two tenants, one of whose destinations is down until all others are done.
    let (before, after) =
        text.split_once("destination is up again").unwrap_or_else(|| panic!("{text}"));
    let acmes = "done +[0-9a-f]{8} route/acme/acme-companies";
    let umbrellas = "done +[0-9a-f]{8} route/umbrella/umbrella-all";
    let count = |text: &str, line| regex_lite::Regex::new(line).unwrap().find_iter(text).count();
    assert_eq!((count(before, acmes), count(before, umbrellas)), (3, 0), "{text}");
    assert_eq!((count(after, acmes), count(after, umbrellas)), (0, 6), "{text}");
    assert!(count(before, "limited .* waits, and no attempt is spent") >= 3, "{text}");
    assert!(
        text.contains("  acme-crm     3 of 3 events\n  umbrella-crm 6 of 6 events, "),
        "{text}"
    );
    for word in ["received", "claimed", "step", "retried", "dead", "done", "All as it should be"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    // What the README shows of it, but for what depends on whom Slack refuses.
    let readme = include_str!("../../../../README.md");
    let (_, shown) = readme.split_once("```\nHubSpot posts").unwrap();
    let shown = shown.split_once("\n```").unwrap().0.lines().skip(1);
    let of_any_run = ["received", "attempt 1", "dead", " won", " lifecycle"];
    let told = |line: &&str| of_any_run.iter().any(|word| line.contains(word));
    let lines: Vec<&str> = shown.filter(told).collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    for line in lines {
        assert!(text.contains(line), "the README has `{line}`, the demo said: {text}");
    }
    assert_eq!(std::fs::read_dir(&room.0).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_show_the_demo_takes_what_it_is_sent_until_it_is_stopped() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let room = Data::new();
    std::fs::create_dir(&room.0).unwrap();
    let mut demo = demo(&room.0, &[]);
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut until = async |word: &str| loop {
        let line = within(word, lines.next_line()).await.unwrap();
        let line = line.unwrap_or_else(|| panic!("it ended before `{word}`"));
        if line.contains(word) {
            return line;
        }
    };
    let hint = until("send --url").await;
    let console = until("in the console: http://").await;
    let console = console.rsplit("http://").next().unwrap().trim_end_matches('/');
    Browser::at(console.parse().unwrap()).get("/").await.shows(&["<h1>Problems</h1>"]);
    let words: Vec<&str> = hint.split_whitespace().collect();
    let after = |flag: &str| words[words.iter().position(|word| *word == flag).unwrap() + 1];
    let secret = std::fs::read_to_string(after("--secret-file")).unwrap();
    let secret = ClientSecret::new(secret).unwrap();
    let poster = Poster::new(after("--url"), None, secret, Version::V3).unwrap();
    let answer = poster.send(format!("[{}]", contact(501)).into_bytes()).await.unwrap();
    assert_eq!(answer.status, 200);
    until("/customers/501").await;
    until("done").await;
    let pid = demo.id().unwrap().to_string();
    assert!(tokio::process::Command::new("kill").arg(pid).status().await.unwrap().success());
    assert_eq!(within("the end", demo.wait()).await.unwrap().code(), Some(0));
    assert_eq!(std::fs::read_dir(&room.0).unwrap().count(), 0);
}

/// The demo, with nothing in its environment but where temporary files go.
fn demo(room: &Path, flags: &[&str]) -> tokio::process::Child {
    tokio::process::Command::new(env!("CARGO_BIN_EXE_worker"))
        .args(["standalone", "--demo"])
        .args(flags)
        .env_clear()
        .env("TMPDIR", room)
        // Real systems' settings change nothing.
        .env("SLACK_API_URL", "http://127.0.0.1:1")
        .env("DATA_DIR", "/nowhere")
        .env("PUBLIC_URL", "https://elsewhere.example.com")
        .env("WEBHOOK_PATH", "/elsewhere")
        .env("HANDLER_TIMEOUT", "1ms")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}
