//! A database and queues for one test, letters to put there, and an end that finds leftovers.

use std::time::Duration;

use bytes::Bytes;
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use shared::broker::{Broker, Publication, Publisher, PublisherOptions, Route};
use shared::event::{Event, Identity};
use shared::message::{Death, DeathReason, Message};
use shared::metrics::BrokerMetrics;
use shared::settings::BrokerSettings;
use shared::testing::{DatabaseEngine, Engine, Loan, Place, TestDatabase, amqp_url, prefix};
use shared::trace::Tracer;
use tokio::time::Instant;
use worker::parts::records::Records;
use worker::parts::records::dead_letters::{
    AtWork, ClaimOf, DeadLetters, Drained, Filter, Indexed, Indexer, Retention, State, drain,
};
use worker::parts::records::jobs::{Action, Job, Runner, Scope, Wish};

use crate::harness::{PATIENCE, deal, fresh, within};
use crate::jobs::rig::look_again;

pub(crate) const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Nothing that a test has done is that old.
pub(crate) const KEPT: Retention = Retention { discarded: WEEK, resolved: WEEK };
/// Everything is, once the clock has gone on.
pub(crate) const AT_ONCE: Retention =
    Retention { discarded: Duration::ZERO, resolved: Duration::ZERO };
/// A cutoff that leaves out nothing.
pub(crate) const ALWAYS: i64 = i64::MAX;

pub(crate) struct Letters {
    pub(crate) queues: Place,
    pub(crate) database: TestDatabase,
    pub(crate) records: DeadLetters,
    /// None once the queues were lent.
    publisher: Option<Publisher>,
}

impl Letters {
    pub(crate) async fn new(engine: DatabaseEngine) -> Self {
        let settings = BrokerSettings {
            amqp_url: SecretString::from(amqp_url()),
            amqp_url_file: None,
            prefix: prefix(),
            work_shards: 1,
        };
        let broker = match engine {
            DatabaseEngine::Postgres => Engine::Cluster,
            DatabaseEngine::Sqlite => Engine::Embedded,
        };
        let queues = Place::new(broker, &settings, None).await;
        let publisher = Some(publisher(&queues.broker()).await);
        let database = TestDatabase::new(engine).await;
        let records = dead_letters(&database.url());
        Self { queues, database, records, publisher }
    }

    /// Publishes letters as workers do.
    pub(crate) async fn put(&self, messages: &[Message]) {
        for messages in messages.chunks(500) {
            let batch = messages
                .iter()
                .map(|message| Publication { route: Route::Dead, message: message.clone() });
            let deadline = Instant::now() + PATIENCE;
            let publisher = self.publisher.as_ref().unwrap();
            publisher.publish(batch.collect(), deadline).await.unwrap();
        }
    }

    /// Lets another process have the data file. Nothing more can be put into it here.
    pub(crate) async fn lend(&mut self) -> Loan {
        self.publisher = None;
        self.queues.lend().await.unwrap()
    }

    /// Puts them there and takes them into the records.
    pub(crate) async fn index(&self, messages: &[Message]) -> Drained {
        self.put(messages).await;
        self.drain().await
    }

    pub(crate) async fn drain(&self) -> Drained {
        let drained = drain(&self.records, &self.queues.broker(), PATIENCE).await.unwrap();
        assert!(drained.complete);
        drained
    }

    pub(crate) fn indexer(&self, letters: &DeadLetters) -> Indexer {
        let (mut registry, broker) = (Registry::default(), self.queues.broker());
        let metrics = BrokerMetrics::register(&mut registry);
        Indexer::start(letters.clone(), broker, KEPT, &mut registry, metrics)
    }

    /// A job that this test is at work on: a number below 0, which no other gets.
    async fn at_work(&self, job_id: i64) -> AtWork<'static> {
        let insert = format!(
            "INSERT INTO job (id, kind, who, scope, filter, cutoff_ms, generation, rate, state, reason, \
             planned, planned_more, published, succeeded, failing, died, skipped, recent, trusted, created_ms, state_ms, place_ms, \
             place_id, owner, owned_until_ms) SELECT {job_id}, 'retry', '', '', '', 0, {job_id}, 0, \
             'running', '', 0, FALSE, 0, 0, 0, 0, 0, '', FALSE, 0, 0, 0, 0, 'test', 0 \
             WHERE NOT EXISTS (SELECT 1 FROM job WHERE id = {job_id})"
        );
        self.database.run(&insert).await;
        AtWork { job_id, owner: "test" }
    }

    /// Claims letters for a job; tells how many.
    pub(crate) async fn claim(&self, job_id: i64, filter: &Filter, limit: u32) -> usize {
        let (cutoff_ms, after) = (ALWAYS, i64::MIN);
        let claim = ClaimOf { at: self.at_work(job_id).await, filter, cutoff_ms, after, limit };
        self.records.claim_for_job(claim).await.unwrap()
    }

    /// Says that a job has published what it had claimed; tells of how many that was true.
    pub(crate) async fn mark_retried(&self, job_id: i64, ids: &[i64]) -> u64 {
        let at = self.at_work(job_id).await;
        self.records.mark_retried(at, ids).await.unwrap()
    }

    /// A job lets go of what it had claimed; tells how many.
    pub(crate) async fn give_back(&self, job_id: i64) -> u64 {
        let at = self.at_work(job_id).await;
        self.records.give_back(at).await.unwrap()
    }

    /// Discards what matches, as a job; tells how many.
    pub(crate) async fn discard(&self, filter: &Filter, cutoff_ms: i64, who: &str) -> i64 {
        let scope = Scope::letters(Action::Discard, filter.clone());
        carry_out(&self.records, scope, cutoff_ms, who).await
    }

    /// Restores what matches and was discarded within `retention`, as a job; tells how many.
    pub(crate) async fn restore(&self, filter: &Filter, retention: Duration, who: &str) -> i64 {
        let scope = Scope::restore(filter.clone(), retention);
        carry_out(&self.records, scope, ALWAYS, who).await
    }

    pub(crate) async fn count(&self, filter: &Filter) -> i64 {
        self.records.count(filter).await.unwrap()
    }

    pub(crate) async fn in_state(&self, state: State) -> i64 {
        self.count(&Filter { state: Some(state), ..Filter::default() }).await
    }

    /// Ends an indexer, and takes what it had in hand.
    pub(crate) async fn end(&self, indexer: Indexer) {
        indexer.close().await;
        // What earlier ones had in hand comes back when the broker has seen their ends.
        let mut quiet = 0;
        while quiet < 3 {
            let Indexed { new, known, .. } = self.drain().await.indexed;
            quiet = if new + known == 0 { quiet + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until so many letters are there.
    pub(crate) async fn wait_for(&self, count: i64) {
        let waiting = async {
            while self.count(&Filter::default()).await < count {
                // A table has nothing to wait on; this is the poll of a test, not a delay.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within("letters in the records", waiting).await;
    }

    /// Every counter is what counting the rows gives.
    pub(crate) async fn assert_counters(&self) {
        use worker::parts::records::dead_letters::Grouping;
        let groups = self.records.groups(Grouping::Fingerprint, true).await.unwrap();
        assert!(!groups.is_empty());
        for group in groups {
            let mut counters = group.counters.unwrap();
            for state in State::ALL {
                let filter = Filter {
                    fingerprint: Some(group.key.clone()),
                    state: Some(state),
                    ..Filter::default()
                };
                assert_eq!(*counters.of(state), self.count(&filter).await, "{state} {group:?}");
            }
            let filter = Filter { fingerprint: Some(group.key.clone()), ..Filter::default() };
            let scope = Scope::letters(Action::Discard, filter);
            let plan = self.records.jobs().plan(&scope, ALWAYS).await.unwrap();
            assert_eq!((group.dead, group.origins), (plan.count, plan.origins), "{}", group.key);
        }
        for group in self.records.groups(Grouping::Origin, true).await.unwrap() {
            let origin = Some(group.key.parse().unwrap());
            let filter = Filter { origin, state: Some(State::Dead), ..Filter::default() };
            assert_eq!(group.dead, self.count(&filter).await, "{group:?}");
        }
        for by in [Grouping::Code, Grouping::Target, Grouping::Origin] {
            let groups = self.records.groups(by, true).await.unwrap();
            let dead: i64 = groups.iter().map(|group| group.dead).sum();
            assert_eq!(dead, self.in_state(State::Dead).await, "{by:?}");
        }
    }

    /// Ends the test: no queue may hold anything.
    pub(crate) async fn finish(self) {
        let Self { queues, database, records, publisher } = self;
        drop((records, publisher));
        queues.settle().await;
        let leftovers = queues.end().await;
        assert!(leftovers.is_empty(), "left in queues: {leftovers:?}");
        database.end().await;
    }
}

/// The rig's records, opened once more.
pub(crate) fn records(rig: &Letters) -> Records {
    Records::new(&SecretString::from(rig.database.url())).unwrap()
}

pub(crate) fn dead_letters(url: &str) -> DeadLetters {
    DeadLetters::new(Records::new(&SecretString::from(url.to_owned())).unwrap())
}

/// Does what `scope` says as a job, to its end; tells to how many letters.
pub(crate) async fn carry_out(
    letters: &DeadLetters,
    scope: Scope,
    cutoff_ms: i64,
    who: &str,
) -> i64 {
    let jobs = letters.jobs();
    let wish = Wish { scope, cutoff_ms, rate: 0, who: who.to_owned() };
    let Some(job) = jobs.create(&wish).await.unwrap() else { return 0 };
    run(letters, job.id).await.succeeded
}

/// Works on a job that publishes nothing, to its end.
pub(crate) async fn run(letters: &DeadLetters, id: i64) -> Job {
    let jobs = letters.jobs();
    let metrics = BrokerMetrics::register(&mut Registry::default());
    let runner = Runner::start(jobs.clone(), None, Some(id), metrics, &Tracer::default());
    let over = async {
        loop {
            let job = jobs.get(id).await.unwrap().unwrap();
            if job.state.is_over() {
                return job;
            }
            look_again().await;
        }
    };
    let job = within("the job's end", over).await;
    runner.close().await;
    job
}

async fn publisher(broker: &Broker) -> Publisher {
    let metrics = BrokerMetrics::register(&mut Registry::default());
    let options = PublisherOptions { name: "test".to_owned(), watch_depth: None };
    let publisher = broker.publisher(options, metrics).unwrap();
    within("a publisher", publisher.ready()).await;
    publisher
}

/// A letter about a deal, given up at its tenth attempt.
pub(crate) fn letter(id: u64, code: &str, error: &str) -> Message {
    let death = Death::new(DeathReason::Exhausted, code, error, shared::clock::now_ms());
    Message {
        attempt: 10,
        target: Some("on_deal_created".to_owned()),
        death: Some(death),
        ..fresh(&deal(id))
    }
}

/// The same event's next end.
pub(crate) fn again(message: &Message) -> Message {
    Message { attempt: message.attempt + 10, ..message.clone() }
}

/// Bytes under an identity of their own.
pub(crate) fn with_body(message: Message, body: Bytes) -> Message {
    let Event { origin, topic, .. } = message.event.clone();
    let identity = Identity::of_unreadable(&body);
    Message { event: Event::new(origin, topic, identity, body), ..message }
}

/// The same with another event, as `change` makes it.
pub(crate) fn with_event(mut message: Message, change: impl FnOnce(&mut Event)) -> Message {
    change(&mut message.event);
    message
}
