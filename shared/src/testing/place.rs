//! Where a test's events are: on the broker or in a data file, looked at the same way.

use std::sync::Arc;

use secrecy::ExposeSecret as _;

use super::data_file::{DataFile, Loan};
use super::engine::Engine;
use super::queues::{Letter, Queues};
use crate::broker::{Broker, Topology};
use crate::retry::RetrySchedule;
use crate::settings::BrokerSettings;

/// The queues of one test.
pub enum Place {
    /// On RabbitMQ.
    Cluster {
        /// For what is to run on these queues.
        broker: Broker,
        /// The test's own view of them.
        queues: Box<Queues>,
        /// Where retries wait, without the prefix.
        retry_queues: Vec<String>,
    },
    /// In a data file.
    Embedded(Arc<DataFile>),
}

impl Place {
    /// Queues under the settings' prefix. On RabbitMQ they are declared by what runs on them;
    /// without a `schedule` it has no retry queues.
    pub async fn new(
        engine: Engine,
        settings: &BrokerSettings,
        schedule: Option<&RetrySchedule>,
    ) -> Self {
        let prefix = &settings.prefix;
        match engine {
            Engine::Cluster => {
                let topology = Topology::new(prefix, settings.work_shards, schedule);
                let url = settings.amqp_url.expose_secret();
                let queues = Box::new(Queues::connect(url, prefix, topology.clone()).await);
                let retry_queues = topology.retry_queues();
                let retry_queues =
                    retry_queues.map(|name| name.replacen(&queues.name(""), "", 1)).collect();
                Self::Cluster {
                    broker: Broker::RabbitMq { settings: settings.clone(), topology },
                    queues,
                    retry_queues,
                }
            }
            Engine::Embedded => Self::Embedded(DataFile::open(prefix).await),
        }
    }

    /// The broker that has these queues.
    pub fn broker(&self) -> Broker {
        match self {
            Self::Cluster { broker, .. } => broker.clone(),
            Self::Embedded(file) => Broker::Sqlite(file.embedded()),
        }
    }

    /// The names of the work queues: one for each shard, or the only one.
    pub fn work_queues(&self) -> Vec<String> {
        match self {
            Self::Cluster { queues, .. } => queues.work_queues(),
            Self::Embedded(_) => vec!["work".to_owned()],
        }
    }

    /// Messages in `queue`; on RabbitMQ only those that are ready.
    pub async fn ready(&self, queue: &str) -> u32 {
        match self {
            Self::Cluster { queues, .. } => queues.ready(queue).await,
            Self::Embedded(file) => file.count(queue).await,
        }
    }

    /// Messages that wait for their next attempt.
    pub async fn waiting(&self) -> u32 {
        match self {
            Self::Cluster { queues, retry_queues, .. } => {
                let mut waiting = 0;
                for queue in retry_queues {
                    waiting += queues.ready(queue).await;
                }
                waiting
            }
            Self::Embedded(file) => file.waiting().await,
        }
    }

    /// Puts bytes into the first work queue that did not come from a publisher.
    pub async fn put_foreign(&self, body: &[u8]) {
        match self {
            Self::Cluster { queues, .. } => queues.put_foreign("work.0", body).await,
            Self::Embedded(file) => file.put_foreign(body).await,
        }
    }

    /// Lets another process have these queues until the loan is ended: a data file is open in
    /// one at a time. On RabbitMQ there is nothing to lend.
    pub async fn lend(&self) -> Option<Loan> {
        match self {
            Self::Cluster { .. } => None,
            Self::Embedded(file) => Some(file.lend().await),
        }
    }

    /// Takes one message out of `queue`, waiting for it.
    pub async fn take(&self, queue: &str) -> Letter {
        match self {
            Self::Cluster { queues, .. } => queues.take(queue).await,
            Self::Embedded(file) => file.take(queue).await,
        }
    }

    /// Takes everything that is in `queue` now.
    pub async fn drain(&self, queue: &str) -> Vec<Letter> {
        match self {
            Self::Cluster { queues, .. } => queues.drain(queue).await,
            Self::Embedded(file) => file.drain(queue).await,
        }
    }

    /// Waits until there is no message any more, or for so long that there always will be.
    pub async fn settle(&self) {
        match self {
            Self::Cluster { queues, .. } => queues.settle().await,
            Self::Embedded(file) => file.settle().await,
        }
    }

    /// Removes everything; names the queues that still held messages, and how many.
    pub async fn end(self) -> Vec<(String, u32)> {
        match self {
            Self::Cluster { queues, .. } => queues.delete_all().await,
            Self::Embedded(file) => file.left().await,
        }
    }

    /// RabbitMQ's own view, for what only it has.
    pub fn rabbitmq(&self) -> &Queues {
        match self {
            Self::Cluster { queues, .. } => queues,
            Self::Embedded(_) => panic!("not on RabbitMQ"),
        }
    }

    /// The data file, for what only it has.
    pub fn data_file(&self) -> &DataFile {
        match self {
            Self::Embedded(file) => file,
            Self::Cluster { .. } => panic!("not in a data file"),
        }
    }
}
