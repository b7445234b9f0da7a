//! What the log of a console says of jobs: of an outage once, and of an owner who was lost.

use std::process::Stdio;

use serde_json::Value;
use shared::testing::{DatabaseEngine, Proxy, database_url};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr};
use worker::parts::records::dead_letters::Filter;
use worker::parts::records::jobs::{Action, Scope};

use super::program::command;
use super::rig::Bulk;
use crate::harness::within;

/// A console that works on jobs, and what it logs.
struct Console {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Console {
    fn start(bulk: &Bulk, url: &str) -> Self {
        let mut child = command(bulk, &["console"])
            .env("DATABASE_URL", url)
            .env("CONSOLE_LISTEN", "127.0.0.1:0")
            .env("ADMIN_LISTEN", "127.0.0.1:0")
            .env("LOG_FORMAT", "json")
            .env("LOG_LEVEL", "info,worker::records::jobs=debug")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log }
    }

    /// The next line that says this of a job; none before it may be a warning that is in `not`.
    async fn says(&mut self, message: &str, not: &[&str]) -> Value {
        let saying = async {
            loop {
                let line = self.log.next_line().await.unwrap().expect("it has ended");
                let line: Value = serde_json::from_str(&line).unwrap();
                if line["message"] == message {
                    return line;
                }
                let said = line["message"].as_str().unwrap_or_default();
                assert!(!not.contains(&said), "{line}");
            }
        };
        within(message, saying).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_once_and_an_owner_who_was_lost_too() {
    let bulk = Bulk::new(DatabaseEngine::Postgres).await;
    bulk.die(1..=60).await;
    bulk.mend();
    let job = bulk.wish(Scope::letters(Action::Retry, Filter::default()), 2).await;
    let proxy = Proxy::start(&Proxy::server_of(&database_url())).await;
    let mut first = Console::start(&bulk, &proxy.url(&bulk.database.url()));
    let taken = first.says("job taken up", &["job taken over"]).await;
    assert_eq!((&taken["published"], &taken["planned"]), (&0.into(), &60.into()), "{taken}");
    bulk.until(job.id, "it does not begin", |job| job.published > 0).await;
    proxy.cut();
    first.says("job waits", &[]).await;
    // Twice more it is tried in vain.
    for _ in 0..2 {
        first.says("job waits still", &["job waits"]).await;
    }
    proxy.restore();
    first.says("job goes on", &["job waits"]).await;
    first.child.kill().await.unwrap();
    let left = bulk.job(job.id).await.published;
    let mut second = Console::start(&bulk, &bulk.database.url());
    let over = "job taken over: whoever worked on it was lost";
    let taken = second.says(over, &["job taken up"]).await;
    assert_eq!(
        (taken["published"].as_i64(), &taken["planned"]),
        (Some(left), &60.into()),
        "{taken}"
    );
    assert!(bulk.jobs.cancel(job.id, "ann").await.unwrap());
    bulk.until(job.id, "it goes on", |job| job.state.is_over() && job.open() == 0).await;
    second.child.kill().await.unwrap();
    bulk.finish().await;
}
