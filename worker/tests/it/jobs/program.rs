//! `worker dead-letters retry` and `jobs`, and `worker replay`: the program itself.

use std::process::{Output, Stdio};

use secrecy::ExposeSecret as _;
use serde_json::Value;
use shared::broker::Broker;
use shared::testing::{DatabaseEngine, on_every_database};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use worker::parts::records::dead_letters::{Filter, State};

use super::rig::Bulk;
use crate::harness::within;

#[derive(Debug)]
pub(crate) struct Ended {
    code: Option<i32>,
    pub(crate) stdout: String,
    stderr: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(crate) fn command(bulk: &Bulk, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.env_clear().env("DATABASE_URL", bulk.database.url()).env("USER", "ann");
    match bulk.rig.queues.broker() {
        Broker::RabbitMq { settings, .. } => {
            command.env("AMQP_URL", settings.amqp_url.expose_secret());
            command.env("PREFIX", &settings.prefix).env("WORK_SHARDS", "2");
        }
        // This process is the standalone that has the file.
        Broker::Sqlite(embedded) => {
            command.env("DATA_DIR", embedded.store().file().parent().unwrap());
        }
    }
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

pub(crate) async fn run(bulk: &Bulk, arguments: &[&str]) -> Ended {
    Ended::of(within("the program's end", command(bulk, arguments).output()).await.unwrap())
}

/// On a cluster the program works on jobs itself; a data file's process has to.
fn standalone(bulk: &Bulk, engine: DatabaseEngine) -> Option<worker::parts::records::jobs::Runner> {
    (engine == DatabaseEngine::Sqlite).then(|| bulk.runner())
}

/// Waits until the job has published so many letters.
async fn begun(bulk: &Bulk, id: i64, published: i64) {
    let begun = async {
        while bulk.jobs.get(id).await.unwrap().is_none_or(|job| job.published < published) {
            super::rig::look_again().await;
        }
    };
    within("letters published", begun).await;
}

async fn an_operator_retries_what_was_mended(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    let runner = standalone(&bulk, engine);
    bulk.die(1..=12).await;
    bulk.mend();
    let planned = run(&bulk, &["dead-letters", "retry", "--all", "--dry-run"]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    assert!(planned.stdout.contains("To retry: 12 letters of 1 origin"), "{planned:?}");
    assert!(planned.stdout.contains("about 1s at 50/s"), "{planned:?}");
    assert_eq!(bulk.in_state(State::Dead).await, 12);
    let first = bulk.letters.list(&Filter::default(), None, 1).await.unwrap().letters[0].id;
    let one = run(&bulk, &["dead-letters", "retry", &first.to_string(), "--yes", "--json"]).await;
    assert_eq!((one.code, &one.json()["succeeded"]), (Some(0), &1.into()), "{one:?}");
    let rest =
        run(&bulk, &["dlq", "retry", "--code", "TEST_4XX", "--rate", "100/s", "--yes"]).await;
    assert_eq!(rest.code, Some(0), "{rest:?}");
    assert!(
        rest.stdout.contains("11 of 11 published, 11 succeeded, 0 failing, 0 died again"),
        "{rest:?}"
    );
    bulk.wait_for(State::Resolved, 12).await;
    let jobs = run(&bulk, &["dlq", "jobs", "--json"]).await.json();
    assert_eq!(jobs.as_array().unwrap().len(), 2, "{jobs}");
    assert_eq!((&jobs[0]["who"], &jobs[0]["filter"]), (&"ann".into(), &"code=TEST_4XX".into()));
    let none = run(&bulk, &["dlq", "retry", "--all", "--yes"]).await;
    assert!(none.stdout.contains("There is nothing to retry."), "{none:?}");
    if let Some(runner) = runner {
        runner.close().await;
    }
    bulk.finish().await;
}

async fn a_job_that_stops_itself_is_a_failure_and_can_be_cancelled(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    let runner = standalone(&bulk, engine);
    bulk.die(1..=30).await;
    let stopped = run(&bulk, &["dlq", "retry", "--all", "--yes", "--rate", "0"]).await;
    assert_eq!(stopped.code, Some(1), "{stopped:?}");
    assert!(stopped.stdout.contains("of the last 20 runs died again"), "{stopped:?}");
    assert!(stopped.stdout.contains("jobs resume 1"), "{stopped:?}");
    let cancelled = run(&bulk, &["dlq", "jobs", "cancel", "1", "--json"]).await;
    assert_eq!((cancelled.code, &cancelled.json()["state"]), (Some(0), &"cancelled".into()));
    let again = run(&bulk, &["dlq", "jobs", "resume", "1"]).await;
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("job 1 is cancelled"), "{again:?}");
    if let Some(runner) = runner {
        runner.close().await;
    }
    bulk.finish().await;
}

async fn who_follows_a_job_that_is_paused_waits_until_it_goes_on(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    let runner = standalone(&bulk, engine);
    bulk.die(1..=30).await;
    bulk.mend();
    // Six seconds of work: it is paused before it is through.
    let mut command = command(&bulk, &["dlq", "retry", "--all", "--yes", "--rate", "5/s"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    begun(&bulk, 1, 1).await;
    assert!(bulk.jobs.pause(1, "bob").await.unwrap());
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let told = async {
        while !line.contains("job 1 is paused: waiting until it goes on") {
            line.clear();
            assert_ne!(said.read_line(&mut line).await.unwrap(), 0, "it has ended");
        }
    };
    within("the program to say that it waits", told).await;
    assert!(bulk.jobs.resume(1, "bob").await.unwrap());
    let ended = within("the program's end", child.wait_with_output()).await.unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).await.unwrap();
    assert_eq!(ended.status.code(), Some(0), "{rest}");
    assert!(!rest.contains("is paused"), "said twice: {rest}");
    let stdout = String::from_utf8(ended.stdout).unwrap();
    assert!(stdout.contains("30 of 30 published, 30 succeeded"), "{stdout}");
    if let Some(runner) = runner {
        runner.close().await;
    }
    bulk.finish().await;
}

async fn a_job_that_somebody_cancels_is_not_done(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    let runner = standalone(&bulk, engine);
    bulk.die(1..=60).await;
    bulk.mend();
    let mut command = command(&bulk, &["dlq", "retry", "--all", "--yes", "--rate", "1/s"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    begun(&bulk, 1, 1).await;
    assert!(bulk.jobs.cancel(1, "bob").await.unwrap());
    let ended = within("the program's end", child.wait_with_output()).await.unwrap();
    let ended = Ended::of(ended);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("job 1 cancelled"), "{ended:?}");
    assert!(ended.stderr.contains("job 1 was cancelled before all was done"), "{ended:?}");
    let followed = run(&bulk, &["dlq", "jobs", "follow", "1", "--json"]).await;
    assert_eq!((followed.code, &followed.json()["state"]), (Some(1), &"cancelled".into()));
    assert!(followed.stderr.contains("jobs show 1"), "{followed:?}");
    // What was published is done all the same.
    bulk.wait_for(State::Retried, 0).await;
    if let Some(runner) = runner {
        runner.close().await;
    }
    bulk.finish().await;
}

async fn an_operator_replays_what_was_done(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    let runner = standalone(&bulk, engine);
    bulk.mend();
    for id in 1..=6 {
        bulk.rig.publish(&crate::harness::deal(id)).await;
    }
    bulk.probe.wait(6).await;
    super::replay::logged(&bulk, 6).await;
    let planned = run(&bulk, &["replay", "--since", "1h", "--dry-run"]).await;
    assert!(planned.stdout.contains("To replay: 6 events of 1 origin"), "{planned:?}");
    let kept = run(&bulk, &["replay", "--since", "1h", "--yes", "--json"]).await.json();
    assert_eq!((&kept["published"], &kept["skipped"]), (&6.into(), &6.into()), "{kept}");
    let forced = ["replay", "--since", "1h", "--object", "3", "--force", "--yes", "--json"];
    let forced = run(&bulk, &forced).await.json();
    assert_eq!((&forced["kind"], &forced["succeeded"]), (&"forced_replay".into(), &1.into()));
    assert_eq!(bulk.probe.runs().len(), 7);
    if let Some(runner) = runner {
        runner.close().await;
    }
    bulk.finish().await;
}

async fn wrong_usage_is_told_before_anything_is_done(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    let wrong = [
        (&["dlq", "retry", "--yes"][..], "say which letters"),
        (&["dlq", "retry", "--all"], "nobody can be asked here"),
        (&["dlq", "retry", "1", "--yes", "--rate", "fast"], "write a number a second"),
        (&["dlq", "jobs", "pause"], "say which job"),
        (&["dlq", "retry", "--origin", "nobody/1", "--yes"], "hubspot/62515"),
        (&["dlq", "list", "--origin", "nobody/1"], "hubspot/62515"),
        (&["events", "--origin", "nobody/1"], "hubspot/62515"),
        (&["replay", "--since", "1h", "--origin", "nobody/1", "--yes"], "hubspot/62515"),
        (&["replay", "--yes"], "--since"),
        (&["replay", "--since", "1h"], "nobody can be asked here"),
        (&["replay", "--since", "1h", "--until", "2h", "--yes"], "--until is not after --since"),
    ];
    for (arguments, said) in wrong {
        let ended = run(&bulk, arguments).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
    let missing = run(&bulk, &["dlq", "jobs", "show", "9"]).await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    bulk.finish().await;
}

on_every_database! {
    an_operator_retries_what_was_mended
    a_job_that_stops_itself_is_a_failure_and_can_be_cancelled
    who_follows_a_job_that_is_paused_waits_until_it_goes_on
    a_job_that_somebody_cancels_is_not_done
    an_operator_replays_what_was_done
    wrong_usage_is_told_before_anything_is_done
}

/// However it is told to end: nobody has to wait for its lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_ended_lets_go_of_its_job() {
    let bulk = Bulk::new(DatabaseEngine::Postgres).await;
    bulk.die(1..=60).await;
    bulk.mend();
    for (signal, id) in [("TERM", 1), ("INT", 2)] {
        let arguments = ["dlq", "retry", "--all", "--yes", "--rate", "1/s"];
        let mut command = command(&bulk, &arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        begun(&bulk, id, 1).await;
        let kill = format!("kill -{signal} {}", child.id().unwrap());
        assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
        let ended = within("the program's end", child.wait_with_output()).await.unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("a console goes on with job {id}")), "{said}");
        let job = bulk.job(id).await;
        assert_eq!((job.state.as_str(), job.owned_until_ms), ("running", 0), "{job:?}");
    }
    bulk.finish().await;
}

/// A server that takes connections and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stands_still_is_said_to_once() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://a:b@{}/c", silent.local_addr().unwrap());
    let bulk = Bulk::new(DatabaseEngine::Postgres).await;
    for arguments in [&["dlq", "groups"][..], &["dlq", "retry", "--all", "--yes"]] {
        let ended = command(&bulk, arguments).env("DATABASE_URL", &url).output();
        let ended = within("the program's end", ended).await.unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        let expected = "worker: the records' database does not answer: no connection within 3 s\n";
        assert_eq!((ended.status.code(), &*said), (Some(1), expected), "{arguments:?}");
    }
    bulk.finish().await;
}

/// The program is killed in the middle; another goes on with its job.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_program_leaves_a_job_that_another_finishes() {
    let bulk = Bulk::new(DatabaseEngine::Postgres).await;
    bulk.die(1..=60).await;
    bulk.mend();
    let arguments = ["dlq", "retry", "--all", "--yes", "--rate", "20/s"];
    let mut child = command(&bulk, &arguments).spawn().unwrap();
    begun(&bulk, 1, 10).await;
    child.kill().await.unwrap();
    let followed = run(&bulk, &["dlq", "jobs", "follow", "1", "--json"]).await.json();
    assert_eq!((&followed["published"], &followed["state"]), (&60.into(), &"done".into()));
    bulk.wait_for(State::Resolved, 60).await;
    assert_eq!(bulk.probe.runs().len(), 120);
    bulk.finish().await;
}
