//! The event log: every delivery with its end, in either database, and never in the way.

use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use shared::broker::Lane;
use shared::message::{Message, Waiting};
use shared::testing::{DatabaseEngine, Proxy, TestDatabase, on_every_database, redis_url};
use tokio::process::Command;
use worker::HandlerError;

use crate::harness::{
    Admin, Engine, Gate, Probe, Rig, TARGET, deal, fresh, probed, wait_for_verdicts, within,
};

/// What `worker events` says.
async fn events(database: &TestDatabase, flags: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(["events", "--json"]).args(flags).env("DATABASE_URL", database.url());
    let said = within("the events", command.output()).await.unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let lines = String::from_utf8(said.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn every_end_of_an_event_is_in_the_log(engine: DatabaseEngine) {
    let database = TestDatabase::new(engine).await;
    let mut rig = Rig::on(Engine::Embedded, &[]).await;
    rig.settings.records.database_url = Some(SecretString::from(database.url()));
    let worker = rig.worker(|registry| {
        probed(registry, |cx, event| async move {
            match (event.object_id, cx.attempt()) {
                (Some(2), 0) => Err(HandlerError::transient("TEST_5XX", "not now")),
                (Some(3), _) => Err(HandlerError::permanent("TEST_4XX", "never\u{1b}[2J")),
                _ => Ok(()),
            }
        });
    });
    let first = rig.publish(&deal(1)).await;
    let second = rig.publish(&deal(2)).await;
    rig.publish(&deal(3)).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "duplicate", 1).await;
    // A worker writes what it has before it ends.
    worker.stop().await;
    rig.queues.take("dead").await;

    let lines = events(&database, &["--origin", "hubspot/62515"]).await;
    assert!(lines.iter().all(|line| line["origin"] == "hubspot/62515"), "{lines:?}");
    // Short for the same.
    assert_eq!(events(&database, &["--portal", "62515"]).await, lines);
    let mut ends: Vec<(u64, &str, u64)> = lines
        .iter()
        .map(|line| {
            let number = |name: &str| line[name].as_u64().unwrap();
            (number("object_id"), line["verdict"].as_str().unwrap(), number("attempt"))
        })
        .collect();
    ends.sort_unstable();
    assert_eq!(
        ends,
        [
            (1, "duplicate", 1),
            (1, "succeeded", 1),
            (2, "retried", 1),
            (2, "succeeded", 2),
            (3, "permanent", 1)
        ]
    );
    assert_way(&database, &second).await;
    let dead = &events(&database, &["--verdict", "permanent"]).await[0];
    assert_eq!((&dead["code"], &dead["error"]), (&"TEST_4XX".into(), &"never\u{1b}[2J".into()));
    assert_eq!(events(&database, &["--object", "1", "--limit", "1"]).await.len(), 1);
    assert_eq!(events(&database, &["--object", "1", "--since", "1h"]).await.len(), 2);
    assert_eq!(events(&database, &["--object", "1", "--until", "1h"]).await.len(), 0);
    assert_eq!(
        events(&database, &["--event", &first.event.identity.to_string()[..12]]).await.len(),
        2
    );
    rig.finish().await;
    database.end().await;
}

async fn what_could_not_be_published_any_more_is_told_as_given_back(engine: DatabaseEngine) {
    let database = TestDatabase::new(engine).await;
    let mut rig = Rig::with(&["--shutdown-grace", "50ms"]).await;
    let proxy = rig.through_proxy().await;
    rig.settings.records.database_url = Some(SecretString::from(database.url()));
    let (failed, gate) = (Probe::new(), Gate::new());
    let (failures, hold) = (failed.clone(), gate.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let (failures, hold) = (failures.clone(), hold.clone());
            async move {
                hold.pass().await;
                failures.note(&cx, &event);
                Err(HandlerError::permanent("TEST_4XX", "never"))
            }
        });
    });
    let message = rig.publish(&deal(1)).await;
    let admin = Admin::of(&worker);
    rig.wait_for_entry(&message.event.identity, "s", "S").await;
    proxy.cut();
    admin.wait_for_part("broker_publishing", "down").await;
    gate.open();
    failed.wait(1).await;
    worker.stop().await;
    proxy.restore();
    let lines = events(&database, &[]).await;
    let ends: Vec<_> = lines.iter().map(|line| (&line["verdict"], &line["code"])).collect();
    assert_eq!(ends, [(&"interrupted".into(), &"TEST_4XX".into())], "not given up, as it said");

    let worker = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    rig.finish().await;
    database.end().await;
}

/// Whether the service that it waits for is called again is asked of Redis, which is away.
async fn a_run_that_asks_whether_it_may_come_is_given_back_without_redis(engine: DatabaseEngine) {
    let database = TestDatabase::new(engine).await;
    let proxy = Proxy::start(&Proxy::server_of(&redis_url())).await;
    let flags = ["--shutdown-grace", "50ms", "--redis-url", &proxy.url(&redis_url())];
    let mut rig = Rig::with(&flags).await;
    rig.settings.records.database_url = Some(SecretString::from(database.url()));
    proxy.cut();
    let start = || rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    let worker = start();
    let waiting = Waiting::default().and(Duration::ZERO, ["!erp".to_owned()]);
    let message = Message { waiting: Some(waiting), ..fresh(&deal(1)) };
    rig.publish_to(Lane::Work, message).await;
    let unanswered = ["operation=\"gate\",result=\"unavailable\""];
    Admin::of(&worker).wait_for("hubline_ledger_calls_total", &unanswered, 1).await;
    worker.stop().await;
    let lines = events(&database, &[]).await;
    let ends: Vec<_> = lines.iter().map(|line| &line["verdict"]).collect();
    assert_eq!(ends, ["interrupted"], "it hung");
    proxy.restore();
    let worker = start();
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    rig.finish().await;
    database.end().await;
}

/// One event's lines, the latest first.
async fn assert_way(database: &TestDatabase, message: &Message) {
    let way = events(database, &["--event", message.event.identity.as_ref()]).await;
    let verdicts: Vec<&str> = way.iter().map(|line| line["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["succeeded", "retried"]);
    assert_eq!(way[1]["code"], "TEST_5XX");
    assert_eq!(way[0]["received_ms"], message.received_ms);
    assert_eq!((&way[0]["type"], &way[0]["handler"]), (&"deal.creation".into(), &TARGET.into()));
}

on_every_database! {
    every_end_of_an_event_is_in_the_log
    what_could_not_be_published_any_more_is_told_as_given_back
    a_run_that_asks_whether_it_may_come_is_given_back_without_redis
}

/// Who reads what `worker events` says may have had enough of it; a database may be down.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_is_no_failure_and_a_database_that_is_down_is_one() {
    let database = TestDatabase::new(DatabaseEngine::Sqlite).await;
    let program = |url: &str, output: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.env_clear().args(["events"]).env("DATABASE_URL", url).stdin(Stdio::null());
        command.stdout(output).stderr(Stdio::piped()).kill_on_drop(true);
        command
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut closed = program(&database.url(), writer.into());
    let ended = within("the events", closed.output()).await.unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]), "{ended:?}");
    let mut down = program("postgres://u:hunter2@127.0.0.1:1/d", Stdio::piped());
    let ended = within("the events", down.output()).await.unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("database") && !said.contains("hunter2"), "{said}");
    let mut wrong = program("mysql://u@127.0.0.1:1/d", Stdio::piped());
    let ended = within("the events", wrong.output()).await.unwrap();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    database.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_goes_on_without_the_database_and_the_log_says_that_it_is_late() {
    let mut rig = Rig::on(Engine::Embedded, &[]).await;
    // Nobody answers there.
    rig.settings.records.database_url = Some("postgres://u:hunter2@127.0.0.1:1/d".into());
    let worker = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    let admin = Admin::of(&worker);
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    admin.wait_for("hubline_log_failures_total", &[], 1).await;
    let ready: Value = serde_json::from_str(&admin.get("readyz").await).unwrap();
    assert_eq!(ready["ready"], true);
    let state = ready["checks"]["records"].as_str().unwrap();
    assert!(state.starts_with("late: ") && !state.contains("hunter2"), "{state}");
    // It ends all the same.
    worker.stop().await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_database_is_written_when_it_comes() {
    let database = TestDatabase::new(DatabaseEngine::Sqlite).await;
    // A directory where the file should be.
    std::fs::create_dir(database.file()).unwrap();
    let mut rig = Rig::on(Engine::Embedded, &[]).await;
    rig.settings.records.database_url = Some(SecretString::from(database.url()));
    let worker = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    let admin = Admin::of(&worker);
    for id in 1..=20 {
        rig.publish_to(shared::broker::Lane::Work, fresh(&deal(id))).await;
    }
    wait_for_verdicts(&worker, "succeeded", 20).await;
    admin.wait_for("hubline_log_failures_total", &[], 1).await;
    std::fs::remove_dir(database.file()).unwrap();
    admin.wait_for("hubline_log_entries_total", &[], 20).await;
    assert_eq!(admin.sum("hubline_log_dropped_total", &[]).await, 0);
    worker.stop().await;
    assert_eq!(events(&database, &["--verdict", "succeeded"]).await.len(), 20);
    rig.finish().await;
    database.end().await;
}
