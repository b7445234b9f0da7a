//! Where events and the ledger are kept: servers, or one data file.

use std::sync::Arc;

use secrecy::SecretString;
use shared::broker::{Broker, Embedded, Topology};
use shared::retry::RetrySchedule;
use shared::settings::BrokerSettings;

use crate::ledger::{Ledger, LedgerOptions, check_redis_url};
use crate::metrics::WorkerMetrics;
use crate::settings::{ProcessingSettings, WorkerSettings};

/// What a worker runs on.
#[derive(Clone, Debug)]
pub enum Engines {
    /// RabbitMQ and Redis.
    Cluster {
        /// How to reach RabbitMQ, and the names used there and on Redis.
        broker: BrokerSettings,
        /// Redis' address.
        redis_url: SecretString,
    },
    /// One data file.
    Embedded(Arc<Embedded>),
}

impl Engines {
    /// RabbitMQ and Redis, where the settings say they are.
    pub fn cluster(settings: &WorkerSettings) -> anyhow::Result<Self> {
        settings.broker.hosts()?;
        let redis_url = settings.redis.url()?;
        check_redis_url(&redis_url)?;
        Ok(Self::Cluster { broker: settings.broker.clone(), redis_url })
    }

    /// The broker, with the queues of `schedule`.
    pub fn broker(&self, schedule: &RetrySchedule) -> Broker {
        match self {
            Self::Cluster { broker, .. } => {
                let topology = Topology::new(&broker.prefix, broker.work_shards, Some(schedule));
                Broker::RabbitMq { settings: broker.clone(), topology }
            }
            Self::Embedded(embedded) => Broker::Sqlite(Arc::clone(embedded)),
        }
    }

    pub(crate) fn ledger(
        &self,
        settings: &ProcessingSettings,
        metrics: WorkerMetrics,
    ) -> anyhow::Result<Ledger> {
        let (lease, retention) = (settings.lease, settings.retention()?);
        match self {
            Self::Cluster { broker, redis_url } => {
                let (url, prefix) = (redis_url.clone(), broker.prefix.clone());
                Ledger::start(LedgerOptions { url, prefix, lease, retention }, metrics)
            }
            Self::Embedded(embedded) => {
                let store = Arc::clone(embedded.store());
                Ok(Ledger::embedded(store, lease, retention, metrics))
            }
        }
    }
}
