#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer};
use shared::metrics::{BrokerMetrics, registry};
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::stand_ins::{Fault, StandIns};

/// A process of which the test says what it measures.
struct Process {
    text: Data<Mutex<String>>,
    address: String,
    server: ServerHandle,
}

impl Process {
    fn start(text: &str) -> Self {
        let text = Data::new(Mutex::new(text.to_owned()));
        let shown = text.clone();
        let server = HttpServer::new(move || {
            let show = |text: Data<Mutex<String>>| async move { text.lock().unwrap().clone() };
            App::new().app_data(shown.clone()).route("/metrics", web::get().to(show))
        });
        let server = server.workers(1).bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = server.addrs()[0].to_string();
        let server = server.disable_signals().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { text, address, server: handle }
    }

    fn say(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
    }
}

/// An evaluation every moment, of one process beside this one.
fn evaluate(process: &Process, slack: &StandIns, board: Board) -> AbortOnDropHandle<()> {
    let mut own = registry("console");
    BrokerMetrics::register(&mut own);
    let own = Own { registry: Arc::new(own), instance: "console:1".to_owned() };
    let sources = Sources::new(own, vec![process.address.clone()]).unwrap();
    let access = slack.settings().slack.access().unwrap().unwrap();
    let notices = Notices::start(Slack::open(access, "#ops", POST_TIMEOUT).unwrap());
    let running = run(sources, board, Some(notices), Duration::from_millis(20));
    AbortOnDropHandle::new(tokio::spawn(running))
}

/// What Slack was sent and took, once there are `count`.
async fn posted(slack: &StandIns, count: usize) -> Vec<String> {
    let taken = slack.wait_for(count, |call| call.status == 200).await;
    assert!(taken.iter().all(|call| call.body["channel"] == "#ops"));
    taken.iter().map(|call| call.body["text"].as_str().unwrap().to_owned()).collect()
}

const BLOCKED: &str =
    "hubline_build_info{program=\"receiver\",version=\"1\"} 1\nhubline_publisher_blocked 1\n";

#[tokio::test]
async fn an_alert_is_posted_once_when_it_opens_and_once_when_it_is_over() {
    let (process, slack) = (Process::start(BLOCKED), StandIns::start().await.unwrap());
    let board = Board::default();
    let running = evaluate(&process, &slack, board.clone());
    let first = posted(&slack, 1).await;
    assert!(first[0].starts_with("Alert (critical): HublineBrokerAlarm"), "{first:?}");
    assert!(first[0].contains("RabbitMQ blocks publishers"), "{first:?}");
    assert!(first[0].contains("docs/operations.md#hublinebrokeralarm"), "{first:?}");
    assert_eq!(board.shown().open.len(), 1);
    process.say(&BLOCKED.replace("blocked 1", "blocked 0"));
    let both = posted(&slack, 2).await;
    assert!(both[1].starts_with("Resolved: HublineBrokerAlarm"), "{both:?}");
    assert_eq!(board.shown().open, []);
    assert!(board.shown().has_sources);
    drop(running);
    process.server.stop(false).await;
}

#[tokio::test]
async fn a_slack_that_is_away_is_told_later_and_in_order() {
    let (process, slack) = (Process::start(BLOCKED), StandIns::start().await.unwrap());
    slack.fail(Fault::new("slack", 503).times(2));
    let running = evaluate(&process, &slack, Board::default());
    slack.wait_for(1, |call| call.status == 503).await;
    process.say("hubline_publisher_blocked 0\n");
    let both = posted(&slack, 2).await;
    assert!(both[0].starts_with("Alert") && both[1].starts_with("Resolved"), "{both:?}");
    drop(running);
    process.server.stop(false).await;
}

#[tokio::test]
async fn a_process_that_does_not_answer_is_down_and_one_that_is_gone_has_no_values() {
    let process = Process::start(&BLOCKED.replace("blocked 1", "up 0"));
    let own = Own { registry: Arc::new(registry("console")), instance: "console:1".to_owned() };
    let mut sources = Sources::new(own, vec![process.address.clone()]).unwrap();
    let mut history = History::default();
    sources.read(&mut history, 1_000_000).await;
    let of = |history: &History, at_ms: i64, name: &str| -> Vec<(String, f64)> {
        let latest = history.at(at_ms);
        let latest = latest.all(name).latest();
        latest.into_iter().map(|(labels, value)| (labels["job"].clone(), value)).collect()
    };
    let mut up = of(&history, 1_000_000, "up");
    up.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(up, [("hubline-console".to_owned(), 1.0), ("hubline-receiver".to_owned(), 1.0)]);
    assert_eq!(of(&history, 1_000_000, "hubline_publisher_up").len(), 1);
    process.server.stop(false).await;
    sources.read(&mut history, 1_030_000).await;
    assert!(of(&history, 1_030_000, "up").contains(&("hubline-receiver".to_owned(), 0.0)));
    assert_eq!(of(&history, 1_030_000, "hubline_publisher_up"), []);
}

#[tokio::test]
async fn a_name_that_means_nothing_is_down() {
    let own = Own { registry: Arc::new(registry("console")), instance: "console:1".to_owned() };
    let mut sources = Sources::new(own, vec!["no-such-host.invalid:9091".to_owned()]).unwrap();
    let mut history = History::default();
    sources.read(&mut history, 1_000_000).await;
    let up = history.at(1_000_000);
    let up = up.all("up").latest();
    assert!(
        up.iter().any(|(labels, value)| labels["instance"].starts_with("no-such") && *value < 0.5)
    );
}
