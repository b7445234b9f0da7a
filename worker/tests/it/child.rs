//! A worker in a process of its own. The case here is two things: run by itself it starts
//! itself again as a child and sees that it works and ends; run as a child it is a worker with
//! the handler of one scenario, until SIGTERM. It dies with its parent.

use std::io::{BufRead as _, Write as _};
use std::sync::Arc;

use shared::broker::Embedded;
use shared::senders::hubspot::HubSpotEvent;
use shared::store::Store;
use tokio::sync::watch;
use worker::parts::{Engines, Worker};
use worker::{Context, HandlerError, HandlerResult, Registry};

use crate::harness::{Child, Engine, Probe, Rig, deal, on_every_engine, probed, settings};

/// The test that is also the child, whatever that runs on.
pub(crate) const TEST: &str =
    "child::cluster::a_worker_process_takes_events_and_ends_well_on_sigterm";
/// Names the scenario; there only in a child.
pub(crate) const SCENARIO: &str = "HUBLINE_TEST_CHILD";
/// The directory of the data file, if it runs on one.
pub(crate) const DATA: &str = "HUBLINE_TEST_CHILD_DATA";
/// The prefix on the servers.
pub(crate) const PREFIX: &str = "HUBLINE_TEST_CHILD_PREFIX";
/// Further settings as flags, one a line.
pub(crate) const FLAGS: &str = "HUBLINE_TEST_CHILD_FLAGS";

async fn a_worker_process_takes_events_and_ends_well_on_sigterm(engine: Engine) {
    if let Ok(scenario) = std::env::var(SCENARIO) {
        return be_a_worker(&scenario).await;
    }
    let rig = Rig::on(engine, &[]).await;
    rig.publish(&deal(7)).await;
    let child = Child::ready(&rig, "succeeds", &[]).await;
    let done = &child.wait("done", 1).await[0];
    assert_eq!((done.about.as_str(), done.attempt), ("7", Some(0)));
    child.stop().await;
    rig.finish().await;
}

on_every_engine! {
    a_worker_process_takes_events_and_ends_well_on_sigterm
}

async fn be_a_worker(scenario: &str) {
    let (prefix, flags) = (std::env::var(PREFIX).unwrap(), std::env::var(FLAGS).unwrap());
    let flags: Vec<&str> = flags.lines().collect();
    let settings = settings(&prefix, &flags);
    let engines = match std::env::var_os(DATA) {
        None => Engines::cluster(&settings).unwrap(),
        Some(directory) => {
            let store = Store::open(directory.as_ref()).await.unwrap();
            Engines::Embedded(Embedded::new(Arc::new(store)))
        }
    };
    let shutdown = shared::shutdown::on_signal().unwrap();
    let mut registry = Registry::new();
    let play = Play { scenario: Arc::from(scenario), told: listen(), runs: Probe::new() };
    probed(&mut registry, move |cx, event| play.clone().run(cx, event));
    let worker = Worker::on(&engines, &settings, registry).unwrap();
    report(format_args!("listening {}", worker.admin_address()));
    shutdown.cancelled().await;
    report(format_args!("stopping"));
    worker.stop().await;
}

/// One line that the parent reads.
fn report(what: std::fmt::Arguments<'_>) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "probe {what}").and_then(|()| stdout.flush());
}

/// The words that the parent told. When it is gone, so is this process.
fn listen() -> watch::Receiver<Vec<String>> {
    let (tell, told) = watch::channel(Vec::new());
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            tell.send_modify(|words| words.push(line));
        }
        std::process::exit(3);
    });
    told
}

/// What the handler does.
#[derive(Clone)]
struct Play {
    scenario: Arc<str>,
    told: watch::Receiver<Vec<String>>,
    runs: Probe,
}

impl Play {
    async fn run(mut self, cx: Context, event: HubSpotEvent) -> HandlerResult {
        let (id, attempt) = (event.object_id.unwrap(), cx.attempt());
        let say = |word: &str| report(format_args!("{word} {id} {attempt}"));
        self.runs.note(&cx, &event);
        say("started");
        match &*self.scenario {
            "succeeds" => {}
            "hangs" => std::future::pending().await,
            "hangs after a step" => {
                cx.step("order", async {
                    say("ordered");
                    Ok(42)
                })
                .await?;
                say("stepped");
                std::future::pending::<()>().await;
            }
            "fails, and again when told" => {
                if attempt > 0 {
                    self.told("go").await;
                }
                return Err(HandlerError::transient("TEST_5XX", "as told"));
            }
            // The first of many are done at once, the others wait.
            "works" if id <= 20 => {}
            "works" | "succeeds when told" => self.told("go").await,
            "freezes" => return self.freeze(&cx, id, say),
            "one aborts" => self.abort_among_others(&cx, id).await,
            other => panic!("no scenario `{other}`"),
        }
        say("done");
        Ok(())
    }

    async fn told(&mut self, word: &str) {
        let told = self.told.wait_for(|words| words.iter().any(|told| told == word)).await;
        assert!(told.is_ok(), "the parent is gone");
    }

    /// Blocks its thread, so that nothing of the run goes on meanwhile; then makes a step, and
    /// fails if the id is even.
    fn freeze(mut self, cx: &Context, id: u64, say: impl Fn(&str)) -> HandlerResult {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                self.told("go").await;
                match cx.step("late", async { Ok(1) }).await {
                    Ok(_) => say("remembered"),
                    Err(error) => say(&format!("refused:{}", error.code)),
                }
            });
        });
        if id.is_multiple_of(2) {
            return Err(HandlerError::permanent("TEST_LATE", "too late"));
        }
        Ok(())
    }

    /// Event 1 waits for 20 others to be running and then takes the process down, and does so
    /// again every time; the others hang in their first run.
    async fn abort_among_others(&self, cx: &Context, id: u64) {
        // A step's result is the first run's.
        let first = cx.step("first", async { Ok(cx.fence()) }).await;
        let is_first = first.is_ok_and(|first| first == cx.fence());
        if id == 1 {
            if is_first {
                self.runs.wait(21).await;
            }
            report(format_args!("aborting {id} {}", cx.attempt()));
            std::process::abort();
        }
        if is_first {
            std::future::pending::<()>().await;
        }
    }
}
