#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer};
use shared::metrics::{BrokerMetrics, registry};
use shared::testing::within;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::stand_ins::{Fault, StandIns};

#[test]
fn one_of_something_is_not_called_many() {
    let said = |name: &str, value| {
        let rule = super::rules::RULES.iter().find(|rule| rule.name == name).unwrap();
        (rule.summary)(&super::rules::About::default(), value)
    };
    for (name, one, many) in [
        ("HublineQueueDepth", "1 event waits", "2 events wait"),
        ("HublineDeadLettersGrowing", "1 event went", "2 events went"),
        ("HublineNewProblem", "1 new problem among", "2 new problems among"),
        ("HublineConsoleGuessing", "1 token let", "2 tokens let"),
        ("HublineUnrouted", "1 event had", "2 events had"),
        ("HublineNoConsumers", "take from has no consumer", "take from have no consumer"),
        ("HublineAtMostOnceDeadLettering", "1 message without", "2 messages without"),
    ] {
        assert!(said(name, 1.0).contains(one), "{}", said(name, 1.0));
        assert!(said(name, 2.0).contains(many), "{}", said(name, 2.0));
    }
}

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
    let slack = Slack::open(access, "#ops", POST_TIMEOUT).unwrap();
    let notices = Notices::start(slack, Duration::ZERO);
    let running = run(sources, board, Some(notices), Duration::from_millis(20));
    AbortOnDropHandle::new(tokio::spawn(running))
}

/// What Slack was sent and took, once there are `count`.
async fn posted(slack: &StandIns, count: usize) -> Vec<String> {
    let taken = within("the notices", slack.wait_for(count, |call| call.status == 200)).await;
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
    assert!(first[0].contains("docs/alerts.md#hublinebrokeralarm"), "{first:?}");
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
async fn a_slack_that_was_away_is_told_what_is_true_when_it_is_back() {
    let (process, slack) = (Process::start(BLOCKED), StandIns::start().await.unwrap());
    slack.fail(Fault::new("slack", 503));
    let running = evaluate(&process, &slack, Board::default());
    within("a refusal", slack.wait_for(1, |call| call.status == 503)).await;
    slack.heal();
    let first = posted(&slack, 1).await;
    assert!(first[0].starts_with("Alert"), "{first:?}");
    slack.fail(Fault::new("slack", 503));
    let calls = slack.calls().len();
    process.say("hubline_publisher_blocked 0\n");
    within("a call", slack.wait_for(calls + 1, |_| true)).await;
    slack.heal();
    let both = posted(&slack, 2).await;
    assert!(both[1].starts_with("Resolved"), "{both:?}");
    drop(running);
    process.server.stop(false).await;
}

/// It says so within a 200, as it takes a message.
#[tokio::test]
async fn a_notice_waits_while_slack_refuses_the_token() {
    let (process, slack) = (Process::start(BLOCKED), StandIns::start().await.unwrap());
    slack.take_only("slack", "another");
    let running = evaluate(&process, &slack, Board::default());
    within("a refusal", slack.wait_for(1, |_| true)).await;
    slack.take_only("slack", "xoxb-stand-in");
    let both = posted(&slack, 2).await;
    assert!(both[0].starts_with("Alert") && both[0] == both[1], "{both:?}");
    drop(running);
    process.server.stop(false).await;
}

#[tokio::test]
async fn many_processes_with_one_trouble_are_one_message() {
    let own = Own { registry: Arc::new(registry("console")), instance: "console:1".to_owned() };
    let mut sources = Sources::new(own, Vec::new()).unwrap();
    let (mut history, mut states) = (History::default(), States::default());
    for minute in 0..3_i64 {
        sources.read(&mut history, minute * 60_000).await;
        for process in 0..100 {
            let labels =
                [("job", "hubline-worker".to_owned()), ("instance", format!("w{process}"))];
            let labels = labels.map(|(name, value)| (name.to_owned(), value)).into();
            history.add("hubline_ledger_up", labels, minute * 60_000, 0.0);
        }
        states.advance(&mut history, minute * 60_000);
    }
    assert_eq!(states.open().len(), 100);
    let slack = StandIns::start().await.unwrap();
    let access = slack.settings().slack.access().unwrap().unwrap();
    let client = Slack::open(access, "#ops", POST_TIMEOUT).unwrap();
    let notices = Notices::start(client, Duration::ZERO);
    notices.tell(states.open());
    let first = posted(&slack, 1).await;
    assert!(first[0].contains("HublineLedgerDown") && first[0].contains("97 more"), "{first:?}");
    notices.tell(Vec::new());
    let all = posted(&slack, 2).await;
    assert_eq!(all.len(), 2, "{all:?}");
}

#[tokio::test]
async fn what_others_say_is_bounded() {
    let lines = (0..20_000).map(|number| {
        format!(
            "hubline_ledger_up{{a=\"{number}\"}} 0\nno_rule_asks_for_this{{a=\"{number}\"}} 1\n"
        )
    });
    let text = lines.collect::<String>() + "hubline_build_info{program=\"worker\"} 1\n";
    let (many, huge) = (Process::start(&text), Process::start(&"x".repeat(5 * 1024 * 1024)));
    let own = Own { registry: Arc::new(registry("console")), instance: "console:1".to_owned() };
    let addresses = vec![many.address.clone(), huge.address.clone()];
    let mut sources = Sources::new(own, addresses).unwrap();
    let mut history = History::default();
    sources.read(&mut history, 1_000_000).await;
    let view = history.at(1_000_000);
    assert_eq!(view.all("hubline_ledger_up").latest().len(), 5_000);
    assert!(view.all("no_rule_asks_for_this").latest().is_empty());
    let up = view.all("up").latest();
    let is_up = |address: &str| {
        up.iter().find(|(labels, _)| labels["instance"] == address).map(|(_, up)| *up > 0.5)
    };
    assert_eq!((is_up(&many.address), is_up(&huge.address)), (Some(true), Some(false)));
    many.server.stop(false).await;
    huge.server.stop(false).await;
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
    // Told to stop, it may answer once more on the connection that there is.
    let mut at_ms = 1_030_000;
    let down = async {
        loop {
            sources.read(&mut history, at_ms).await;
            if of(&history, at_ms, "up").contains(&("hubline-receiver".to_owned(), 0.0)) {
                return;
            }
            at_ms += 1_000;
        }
    };
    within("a process that is down", down).await;
    assert_eq!(of(&history, at_ms, "hubline_publisher_up"), []);
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

#[test]
fn a_clock_that_is_set_back_stops_no_time() {
    let (hour, minute) = (3_600_000, Duration::from_secs(60));
    assert_eq!(later(10 * hour, i64::MIN, minute), 10 * hour);
    assert_eq!(later(9 * hour, 10 * hour, minute), 10 * hour + 60_000);
    // Forward it is followed.
    assert_eq!(later(11 * hour, 10 * hour, minute), 11 * hour);
}
