//! The console as an operator starts it: by itself, and within standalone.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use secrecy::ExposeSecret as _;
use serde_json::Value;
use shared::broker::Broker;
use shared::testing::DatabaseEngine;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use worker::stand_ins::StandIns;

use super::rig::Browser;
use crate::dead_letters::rig::{Letters, letter};
use crate::harness::{Admin, within};

fn command(rig: &Letters, environment: &[(&str, &str)]) -> Command {
    let Broker::RabbitMq { settings, .. } = rig.queues.broker() else { panic!("not on RabbitMQ") };
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command
        .arg("console")
        .env_clear()
        .env("DATABASE_URL", rig.database.url())
        .env("AMQP_URL", settings.amqp_url.expose_secret())
        .env("PREFIX", &settings.prefix)
        .env("CONSOLE_LISTEN", "127.0.0.1:0")
        .env("ADMIN_LISTEN", "127.0.0.1:0")
        .env("LOG_FORMAT", "json")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A console of its own process, and all that it logs.
pub(super) struct Program {
    child: Child,
    pub(super) address: SocketAddr,
    pub(super) admin: SocketAddr,
    logged: JoinHandle<String>,
}

impl Program {
    /// Started and ready.
    pub(super) async fn start(rig: &Letters, environment: &[(&str, &str)]) -> Self {
        let mut child = command(rig, environment).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = within("its first line", said.next_line()).await.unwrap().unwrap();
        let address = line.rsplit("http://").next().unwrap().trim_end_matches('/').parse().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let started = async {
            loop {
                let line = log.next_line().await.unwrap().unwrap();
                let line: Value = serde_json::from_str(&line).unwrap();
                if line["message"] == "console started" {
                    return line;
                }
            }
        };
        let started = within("its start", started).await;
        let admin: SocketAddr = started["admin"].as_str().unwrap().parse().unwrap();
        let logged = tokio::spawn(async move {
            let mut text = String::new();
            while let Some(line) = log.next_line().await.unwrap() {
                text += &line;
            }
            text
        });
        Admin::at(admin).wait_until_ready().await;
        Self { child, address, admin, logged }
    }

    /// Ends it by SIGTERM; gives its log.
    pub(super) async fn end(mut self) -> String {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").arg(pid).status().await.unwrap().success());
        assert_eq!(within("the end", self.child.wait()).await.unwrap().code(), Some(0));
        self.logged.await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_takes_letters_in_shows_them_and_ends_on_sigterm() {
    let rig = Letters::new(DatabaseEngine::Postgres).await;
    rig.put(&[letter(1, "A", "x"), letter(2, "A", "x")]).await;
    let token = "a-token-of-some-length";
    let program = Program::start(&rig, &[("CONSOLE_TOKEN", token)]).await;
    let browser = Browser::at(program.address).sign_in(token, "ann").await;
    rig.wait_for(2).await;
    browser.get("/").await.shows(&["2 dead letters in 1 problem"]);
    browser.get("/health").await.shows(&[
        ".dead",
        "waiting for the next attempt",
        "None is open. Only this process is watched",
    ]);
    let metrics = Admin::at(program.admin);
    metrics.wait_for("hubline_dead_letters_open", &[], 2).await;
    let text = metrics.get("metrics").await;
    for line in [
        "hubline_dead_letters_indexed_total 2",
        "hubline_dead_letter_problems_total 1",
        "hubline_records_up 1.0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} not in\n{text}");
    }
    // The broker is asked beside all that, from time to time.
    for gauge in ["hubline_queue_messages", "hubline_queue_consumers"] {
        metrics.wait_for_line(&format!("{gauge}{{queue=\"unrouted\"}} 0.0")).await;
    }
    let log = program.end().await;
    assert!(log.contains("console stopped") && !log.contains(token), "{log}");
    rig.finish().await;
}

/// Something whose metrics say that the broker blocks it; answers as long as the test lasts.
async fn blocked_receiver() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let text = "hubline_build_info{program=\"receiver\"} 1\nhubline_publisher_blocked 1\n# EOF\n";
    let answer = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = socket.read(&mut head).await;
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_on_the_page_and_in_slack() {
    let rig = Letters::new(DatabaseEngine::Postgres).await;
    let (receiver, slack) =
        (blocked_receiver().await.to_string(), StandIns::start().await.unwrap());
    let environment = [
        ("ALERT_SLACK_CHANNEL", "#ops"),
        ("ALERT_SOURCES", &receiver),
        ("SLACK_API_URL", &slack.url("slack")),
        ("SLACK_BOT_TOKEN", "xoxb-of-the-test"),
    ];
    let mut child = command(&rig, &environment).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = within("its first line", said.next_line()).await.unwrap().unwrap();
    let address = line.rsplit("http://").next().unwrap().trim_end_matches('/').parse().unwrap();
    let posted = within("the notice", slack.wait_for(1, |call| call.api == "slack")).await;
    assert_eq!(posted[0].body["channel"], "#ops");
    let text = posted[0].body["text"].as_str().unwrap();
    assert!(text.starts_with("Alert (critical): HublineBrokerAlarm"), "{text}");
    let browser = Browser::at(address);
    browser.get("/health").await.shows(&["HublineBrokerAlarm", "RabbitMQ blocks publishers"]);
    child.kill().await.unwrap();
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why() {
    let rig = Letters::new(DatabaseEngine::Postgres).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let file = std::env::temp_dir().join(format!("hubline-{}", shared::testing::prefix()));
    std::fs::write(&file, "short\n").unwrap();
    for (environment, says) in [
        (&[("CONSOLE_LISTEN", address.as_str())][..], "CONSOLE_LISTEN"),
        (&[("ADMIN_LISTEN", &address)], "ADMIN_LISTEN"),
        (
            &[("CONSOLE_LISTEN", "127.0.0.1:7"), ("ADMIN_LISTEN", "127.0.0.1:7")],
            "each its own port",
        ),
        (&[("CONSOLE_LISTEN", "0.0.0.0:0")], "set CONSOLE_TOKEN"),
        (&[("CONSOLE_TOKEN", "hunter2")], "at least 16 characters"),
        (&[("CONSOLE_VIEWER_TOKEN_FILE", file.to_str().unwrap())], "CONSOLE_VIEWER_TOKEN"),
        (&[("DATABASE_URL", "")], "DATABASE_URL"),
        (&[("CONSOLE_RECEIVERS", "nowhere")], "HOST:PORT"),
        (&[("ALERT_SOURCES", "http://x/")], "HOST:PORT"),
        (&[("ALERT_SLACK_CHANNEL", "#ops")], "without SLACK_BOT_TOKEN"),
    ] {
        let mut child = command(&rig, environment).spawn().unwrap();
        let mut said = String::new();
        let mut log = child.stderr.take().unwrap();
        within("its end", log.read_to_string(&mut said)).await.unwrap();
        assert_eq!(within("its end", child.wait()).await.unwrap().code(), Some(2), "{said}");
        assert!(said.contains(says) && !said.contains("hunter2"), "{says} in {said}");
    }
    std::fs::remove_file(file).unwrap();
    rig.finish().await;
}
