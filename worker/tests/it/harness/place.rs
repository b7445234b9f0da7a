//! Where a test's events are: on the servers or in a data file, looked at the same way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use shared::broker::{Broker, Embedded, Topology};
use shared::store::Store;
use shared::testing::{Letter, Queues, amqp_url};
use worker::Engines;
use worker::settings::WorkerSettings;

use super::admin::pause;
use super::within;

/// What a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// RabbitMQ and Redis.
    Cluster,
    /// A data file of the test's own.
    Embedded,
}

/// Runs each case, an async function that takes an [`Engine`], on each of them.
macro_rules! on_every_engine {
    ($($case:ident)+) => {
        mod cluster {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(crate::harness::Engine::Cluster).await;
            })+
        }
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(crate::harness::Engine::Embedded).await;
            })+
        }
    };
}
pub(crate) use on_every_engine;

/// How long acks may be on their way.
const SETTLING: Duration = Duration::from_secs(10);

/// The queues of one test.
pub(crate) enum Place {
    Cluster { queues: Box<Queues>, settings: Box<WorkerSettings>, topology: Topology },
    Embedded { directory: PathBuf, embedded: Arc<Embedded> },
}

impl Place {
    pub(crate) async fn new(engine: Engine, settings: &WorkerSettings) -> Self {
        let prefix = &settings.broker.prefix;
        match engine {
            Engine::Cluster => {
                let schedule = settings.processing.retry.schedule().unwrap();
                let topology = Topology::new(prefix, settings.broker.work_shards, Some(&schedule));
                let queues = Queues::connect(&amqp_url(), prefix, topology.clone()).await;
                let (queues, settings) = (Box::new(queues), Box::new(settings.clone()));
                Self::Cluster { queues, settings, topology }
            }
            Engine::Embedded => {
                let directory = std::env::temp_dir().join(format!("hubline-{prefix}"));
                let store = Arc::new(Store::open(&directory).await.unwrap());
                Self::Embedded { directory, embedded: Embedded::new(store) }
            }
        }
    }

    /// What a worker with `settings` runs on.
    pub(crate) fn engines(&self, settings: &WorkerSettings) -> Engines {
        match self {
            Self::Cluster { .. } => Engines::cluster(settings).unwrap(),
            Self::Embedded { embedded, .. } => Engines::Embedded(Arc::clone(embedded)),
        }
    }

    pub(crate) fn broker(&self) -> Broker {
        match self {
            Self::Cluster { settings, topology, .. } => {
                Broker::RabbitMq { settings: settings.broker.clone(), topology: topology.clone() }
            }
            Self::Embedded { embedded, .. } => Broker::Sqlite(Arc::clone(embedded)),
        }
    }

    /// Takes one message out of `queue`, waiting for it.
    pub(crate) async fn take(&self, queue: &str) -> Letter {
        match self {
            Self::Cluster { queues, .. } => queues.take(queue).await,
            Self::Embedded { embedded, .. } => {
                let taking = async {
                    loop {
                        if let Some(message) = embedded.pop(queue).await.unwrap() {
                            return Letter { message, routing_key: queue.to_owned() };
                        }
                        pause().await;
                    }
                };
                within(&format!("a message in {queue}"), taking).await
            }
        }
    }

    /// Messages in `queue`; on a broker only those that are ready.
    pub(crate) async fn ready(&self, queue: &str) -> u32 {
        match self {
            Self::Cluster { queues, .. } => queues.ready(queue).await,
            Self::Embedded { embedded, .. } => embedded.count(queue).await.unwrap(),
        }
    }

    /// Waits until nothing is ready any more, or for so long that it never will.
    pub(crate) async fn settle(&self) {
        match self {
            Self::Cluster { queues, .. } => queues.settle().await,
            Self::Embedded { .. } => {
                let empty = async {
                    while !self.left().await.is_empty() {
                        pause().await;
                    }
                };
                let _ = tokio::time::timeout(SETTLING, empty).await;
            }
        }
    }

    async fn left(&self) -> Vec<(String, u32)> {
        let mut left = Vec::new();
        for queue in ["work", "bulk", "dead"] {
            let count = self.ready(queue).await;
            if count > 0 {
                left.push((queue.to_owned(), count));
            }
        }
        left
    }

    /// Removes everything; names the queues that still held messages.
    pub(crate) async fn end(self) -> Vec<(String, u32)> {
        let left = match &self {
            Self::Cluster { .. } => Vec::new(),
            Self::Embedded { .. } => self.left().await,
        };
        match self {
            Self::Cluster { queues, .. } => queues.delete_all().await,
            Self::Embedded { directory, .. } => {
                std::fs::remove_dir_all(directory).unwrap();
                left
            }
        }
    }

    /// RabbitMQ's own view, for what only it has.
    pub(crate) fn rabbitmq(&self) -> &Queues {
        match self {
            Self::Cluster { queues, .. } => queues,
            Self::Embedded { .. } => panic!("not on RabbitMQ"),
        }
    }
}
