//! A worker whose handler fails until it is mended, records of its own, and somebody who works on
//! jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use prometheus_client::registry::Registry as Metrics;
use secrecy::SecretString;
use shared::clock::now_ms;
use shared::metrics::BrokerMetrics;
use shared::testing::{DatabaseEngine, TestDatabase};
use shared::trace::Tracer;
use worker::parts::Worker;
use worker::parts::records::Records;
use worker::parts::records::dead_letters::{DeadLetters, Filter, Indexer, Retention, State};
use worker::parts::records::jobs::{Action, Job, JobState, Jobs, Runner, Scope, Wish};
use worker::{HandlerError, Registry};

use crate::harness::{Engine, Gate, PATIENCE, Probe, Rig, deal, probed, within};

const KEPT: Retention = Retention { discarded: PATIENCE, resolved: PATIENCE };

pub(crate) struct Bulk {
    pub(crate) rig: Rig,
    pub(crate) database: TestDatabase,
    pub(crate) worker: Option<Worker>,
    pub(crate) letters: DeadLetters,
    pub(crate) jobs: Jobs,
    indexer: Option<Indexer>,
    pub(crate) probe: Probe,
    /// Whether the handler succeeds.
    pub(crate) mended: Arc<AtomicBool>,
    /// Whether it fails for now only, and is tried again.
    pub(crate) transient: Arc<AtomicBool>,
    /// How often its first step ran.
    pub(crate) steps: Arc<AtomicU64>,
    /// From which event on its runs wait at the gate: none at first.
    pub(crate) held_from: Arc<AtomicU64>,
    pub(crate) gate: Gate,
}

impl Bulk {
    pub(crate) async fn new(engine: DatabaseEngine) -> Self {
        let on = match engine {
            DatabaseEngine::Postgres => Engine::Cluster,
            DatabaseEngine::Sqlite => Engine::Embedded,
        };
        let mut rig = Rig::on(on, &[]).await;
        let database = TestDatabase::new(engine).await;
        let url = SecretString::from(database.url());
        rig.settings.records.database_url = Some(url.clone());
        let records = Records::new(&url).unwrap();
        let letters = DeadLetters::new(records.clone());
        let (mut metrics, broker) = (Metrics::default(), rig.queues.broker());
        let broker_metrics = BrokerMetrics::register(&mut metrics);
        let indexer = Indexer::start(letters.clone(), broker, KEPT, &mut metrics, broker_metrics);
        let mut bulk = Self {
            rig,
            database,
            worker: None,
            letters,
            jobs: Jobs::new(records),
            indexer: Some(indexer),
            probe: Probe::new(),
            mended: Arc::default(),
            transient: Arc::default(),
            steps: Arc::default(),
            held_from: Arc::new(AtomicU64::new(u64::MAX)),
            gate: Gate::new(),
        };
        bulk.start(|_| {});
        bulk
    }

    /// Starts the worker, with more handlers.
    pub(crate) fn start(&mut self, more: impl FnOnce(&mut Registry)) {
        let (probe, mended, steps) =
            (self.probe.clone(), Arc::clone(&self.mended), Arc::clone(&self.steps));
        let transient = Arc::clone(&self.transient);
        let (held_from, gate) = (Arc::clone(&self.held_from), self.gate.clone());
        let worker = self.rig.worker(|registry| {
            probed(registry, move |cx, event| {
                let (probe, mended, steps) =
                    (probe.clone(), Arc::clone(&mended), Arc::clone(&steps));
                let transient = Arc::clone(&transient);
                let is_held = event.object_id >= Some(held_from.load(Ordering::SeqCst));
                let gate = gate.clone();
                async move {
                    probe.note(&cx, &event);
                    cx.step("first", async {
                        steps.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    })
                    .await?;
                    if is_held {
                        gate.pass().await;
                    }
                    if mended.load(Ordering::SeqCst) {
                        return Ok(());
                    }
                    if transient.load(Ordering::SeqCst) {
                        return Err(HandlerError::transient("TEST_5XX", "not up yet"));
                    }
                    Err(HandlerError::permanent("TEST_4XX", "not mended yet"))
                }
            });
            more(registry);
        });
        self.worker = Some(worker);
    }

    pub(crate) async fn stop_worker(&mut self) {
        if let Some(worker) = self.worker.take() {
            within("the worker's end", worker.stop()).await;
        }
    }

    /// From here on the handler fails in a way that is tried again, and again.
    pub(crate) async fn fail_for_now(&mut self) {
        self.stop_worker().await;
        self.rig.settings.processing.retry.retry_attempts = 100;
        self.mended.store(false, Ordering::SeqCst);
        self.transient.store(true, Ordering::SeqCst);
        self.start(|_| {});
    }

    /// From here on runs of events with this number or a higher one wait until the gate is opened.
    pub(crate) fn hold_from(&self, id: u64) {
        self.held_from.store(id, Ordering::SeqCst);
    }

    pub(crate) fn mend(&self) {
        self.mended.store(true, Ordering::SeqCst);
    }

    /// Events that end as dead letters.
    pub(crate) async fn die(&self, ids: std::ops::RangeInclusive<u64>) {
        let before = self.in_state(State::Dead).await;
        let count = i64::try_from(ids.clone().count()).unwrap();
        for id in ids {
            self.rig.publish(&deal(id)).await;
        }
        self.wait_for(State::Dead, before + count).await;
    }

    pub(crate) fn runner(&self) -> Runner {
        self.runner_on(self.jobs.clone())
    }

    /// One that has its own way to the records.
    pub(crate) fn runner_on(&self, jobs: Jobs) -> Runner {
        let metrics = BrokerMetrics::register(&mut Metrics::default());
        let broker = self.rig.queues.broker();
        Runner::start(jobs, Some(broker), None, metrics, &Tracer::default())
    }

    /// How often messages of a job came to a worker, once all have; the worker is stopped then.
    pub(crate) async fn came(&mut self, id: i64) -> i64 {
        let empty = async {
            while self.rig.queues.ready("bulk").await > 0 {
                look_again().await;
            }
        };
        within("an empty bulk queue", empty).await;
        // It ends what it has begun, and writes its lines.
        self.stop_worker().await;
        self.database
            .number(&format!(
                "SELECT count(*) FROM event_log WHERE job_id = {id} \
                 AND verdict IN ('succeeded', 'duplicate', 'stale', 'permanent')"
            ))
            .await
    }

    /// A job on all letters that are dead now, as fast as it goes.
    pub(crate) async fn retry(&self, restart: bool) -> Job {
        let action = if restart { Action::Restart } else { Action::Retry };
        self.wish(Scope::letters(action, Filter::default()), 0).await
    }

    pub(crate) async fn wish(&self, scope: Scope, rate: u32) -> Job {
        let wish = Wish { scope, cutoff_ms: now_ms(), rate, who: "ann".to_owned() };
        self.jobs.create(&wish).await.unwrap().expect("something to do")
    }

    pub(crate) async fn job(&self, id: i64) -> Job {
        self.jobs.get(id).await.unwrap().unwrap()
    }

    /// Waits until a job is as it should be.
    pub(crate) async fn until(&self, id: i64, what: &str, holds: impl Fn(&Job) -> bool) -> Job {
        until(&self.jobs, id, what, holds).await
    }

    /// Waits until so many of the job's runs stand in the log with this verdict.
    pub(crate) async fn logged(&self, id: i64, verdict: &str, count: i64) {
        let lines =
            format!("SELECT count(*) FROM event_log WHERE job_id = {id} AND verdict = '{verdict}'");
        let waiting = async {
            while self.database.number(&lines).await < count {
                look_again().await;
            }
        };
        within(&format!("{count} lines that say {verdict}"), waiting).await;
    }

    /// Waits until all is published and has ended.
    pub(crate) async fn finished(&self, id: i64) -> Job {
        let all = |job: &Job| job.state == JobState::Done && job.open() == 0;
        self.until(id, "the job is not finished", all).await
    }

    pub(crate) async fn in_state(&self, state: State) -> i64 {
        let filter = Filter { state: Some(state), ..Filter::default() };
        self.letters.count(&filter).await.unwrap()
    }

    pub(crate) async fn wait_for(&self, state: State, count: i64) {
        let waiting = async {
            while self.in_state(state).await != count {
                look_again().await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        assert!(in_time, "{} letters are {state}, not {count}", self.in_state(state).await);
    }

    /// Ends the test: no queue may hold anything.
    pub(crate) async fn finish(mut self) {
        self.stop_worker().await;
        self.indexer.take().unwrap().close().await;
        let Self { rig, database, letters, jobs, .. } = self;
        drop((letters, jobs));
        rig.finish().await;
        database.end().await;
    }
}

/// Waits until a job is as it should be.
pub(crate) async fn until(jobs: &Jobs, id: i64, what: &str, holds: impl Fn(&Job) -> bool) -> Job {
    let job = async || jobs.get(id).await.unwrap().unwrap();
    let waiting = async {
        loop {
            let job = job().await;
            if holds(&job) {
                return job;
            }
            look_again().await;
        }
    };
    if let Ok(job) = tokio::time::timeout(PATIENCE, waiting).await {
        return job;
    }
    panic!("{what}: {:?}", job().await)
}

/// A table has nothing to wait on; this is the poll of a test, not a delay.
pub(crate) async fn look_again() {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
}
