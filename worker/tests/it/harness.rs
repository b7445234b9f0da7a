//! A worker's surroundings for one test: names of its own on the servers, events to publish,
//! handlers that report, and an end that finds leftovers.

use clap::Parser;
use shared::broker::{Broker, Lane, Publication, Route};
use shared::clock::now_ms;
use shared::message::Message;
use shared::senders::Sender;
use shared::testing::{Place, amqp_url, prefix, redis_url};
use tokio::time::Instant;
use worker::Registry;
use worker::parts::{Engines, Worker};
use worker::settings::WorkerSettings;

mod admin;
mod children;
mod crowd;
mod entries;
mod entry;
mod gate;
mod handler;
mod own_cluster;
mod own_redis;
mod ports;
mod probe;
mod publishing;
mod standstill;
mod verdicts;

pub(crate) use admin::{Admin, pause};
pub(crate) use children::Child;
pub(crate) use crowd::deal_of;
pub(crate) use entries::Entries;
pub(crate) use gate::Gate;
pub(crate) use handler::{TARGET, noted, probed};
pub(crate) use own_cluster::OwnCluster;
pub(crate) use own_redis::OwnRedis;
pub(crate) use ports::free;
pub(crate) use probe::Probe;
pub(crate) use publishing::Publishing;
pub(crate) use shared::testing::{Engine, PATIENCE, on_every_engine, within};
pub(crate) use standstill::Standstill;
pub(crate) use verdicts::{wait_for_ends, wait_for_verdicts};

#[derive(Parser)]
struct Parsed {
    #[command(flatten)]
    settings: WorkerSettings,
}

/// One test's names, settings and connections.
pub(crate) struct Rig {
    pub(crate) prefix: String,
    pub(crate) settings: WorkerSettings,
    pub(crate) queues: Place,
    pub(crate) publisher: Publishing,
}

impl Rig {
    /// Short retries (50 ms, 100 ms, 200 ms; 4 attempts), two shards. Handlers and claims have
    /// longer than a test that goes well takes: whoever waits one out says how short it is.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// The same with other settings, as flags: `["--retry-attempts", "2"]`.
    pub(crate) async fn with(flags: &[&str]) -> Self {
        Self::on(Engine::Cluster, flags).await
    }

    /// The same on an engine of choice.
    pub(crate) async fn on(engine: Engine, flags: &[&str]) -> Self {
        let prefix = prefix();
        let settings = settings(&prefix, flags);
        let schedule = settings.processing.retry.schedule().unwrap();
        let queues = Place::new(engine, &settings.broker, Some(&schedule)).await;
        let publisher = Publishing::into(&queues).await;
        Self { prefix, settings, queues, publisher }
    }

    /// A worker with the handlers that `register` adds.
    pub(crate) fn worker(&self, register: impl FnOnce(&mut Registry)) -> Worker {
        let mut registry = Registry::new();
        register(&mut registry);
        Worker::on(&self.engines(), &self.settings, registry).unwrap()
    }

    fn engines(&self) -> Engines {
        match self.queues.broker() {
            // As the settings are now: the worker may have to go through a proxy.
            Broker::RabbitMq { .. } => Engines::cluster(&self.settings).unwrap(),
            Broker::Sqlite(embedded) => Engines::Embedded(embedded),
        }
    }

    /// Publishes an event as the receiver would.
    pub(crate) async fn publish(&self, body: &str) -> Message {
        self.publish_to(Lane::Work, fresh(body)).await
    }

    /// Publishes a message of the test's making.
    pub(crate) async fn publish_to(&self, lane: Lane, message: Message) -> Message {
        let publication = Publication { route: Route::Ready(lane), message: message.clone() };
        let deadline = Instant::now() + PATIENCE;
        self.publisher.publish(vec![publication], deadline).await.unwrap();
        message
    }

    /// Ends the test: every queue is deleted, and none may hold anything.
    pub(crate) async fn finish(self) {
        self.queues.settle().await;
        let leftovers = self.queues.end().await;
        assert!(leftovers.is_empty(), "left in queues: {leftovers:?}");
    }
}

/// A worker's settings for tests on `prefix`; later flags win.
pub(crate) fn settings(prefix: &str, flags: &[&str]) -> WorkerSettings {
    let (amqp, redis) = (amqp_url(), redis_url());
    let defaults = [
        ("--amqp-url", amqp.as_str()),
        ("--redis-url", redis.as_str()),
        ("--prefix", prefix),
        ("--work-shards", "2"),
        ("--admin-listen", "127.0.0.1:0"),
        ("--concurrency", "20"),
        ("--handler-timeout", "10s"),
        ("--lease", "20s"),
        ("--retry-initial", "50ms"),
        ("--retry-multiplier", "2"),
        ("--retry-max", "1s"),
        ("--retry-attempts", "4"),
        ("--shutdown-grace", "20s"),
    ];
    let mut arguments = vec!["worker".to_owned()];
    for (name, value) in defaults {
        if !flags.contains(&name) {
            arguments.extend([name.to_owned(), value.to_owned()]);
        }
    }
    arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
    Parsed::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}")).settings
}

/// A deal's creation, different for each `id`.
pub(crate) fn deal(id: u64) -> String {
    format!(
        r#"{{"eventId":{id},"subscriptionId":7,"portalId":62515,"appId":54321,"occurredAt":1790000000000,"subscriptionType":"deal.creation","attemptNumber":0,"objectId":{id},"changeFlag":"CREATED","changeSource":"CRM_UI"}}"#
    )
}

/// The message the receiver makes of an event.
pub(crate) fn fresh(body: &str) -> Message {
    Message::fresh(Sender::HubSpot.identify(&body.to_owned().into()).unwrap(), now_ms())
}
