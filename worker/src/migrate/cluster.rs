//! The servers that everything goes to.

use std::time::Duration;

use secrecy::SecretString;
use shared::broker::{Broker, Publication, Publisher, PublisherOptions, Topology};
use shared::metrics::{BrokerMetrics, registry};
use shared::retry::RetrySchedule;
use shared::settings::BrokerSettings;
use tokio::time::Instant;

use super::error::MigrateError;
use super::patience::Patience;
use crate::ledger::{Entry, Importer, redis_server};
use crate::records::Records;

/// How long the confirms of one batch may take.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

/// Where everything is to go: the cluster's own settings.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) broker: BrokerSettings,
    pub(crate) redis_url: SecretString,
    pub(crate) schedule: RetrySchedule,
    /// The cluster's records, if it keeps any.
    pub(crate) records: Option<Records>,
}

impl Destination {
    /// RabbitMQ's hosts, ports and vhost, for people.
    pub(crate) fn rabbitmq(&self) -> anyhow::Result<String> {
        let hosts = self.broker.hosts()?;
        let vhost = hosts.first().map(|uri| uri.vhost.clone()).unwrap_or_default();
        let at = hosts.iter().map(|uri| format!("{}:{}", uri.authority.host, uri.authority.port));
        Ok(format!("RabbitMQ at {}, vhost {vhost}", at.collect::<Vec<_>>().join(" or ")))
    }

    /// Redis' host and port, for people.
    pub(crate) fn redis(&self) -> anyhow::Result<String> {
        Ok(format!("Redis at {}", redis_server(&self.redis_url)?))
    }
}

/// RabbitMQ and Redis, connected. What fails there is tried again as long as there is patience.
#[derive(Debug)]
pub(crate) struct Cluster {
    publisher: Publisher,
    importer: Importer,
    rabbitmq: String,
    redis: String,
    pub(super) records: Option<Records>,
    pub(super) patience: Patience,
}

impl Cluster {
    /// Waits until all servers are there. What is missing of the topology is declared, once Redis
    /// has answered. Must be called on a multi-thread runtime.
    pub(crate) async fn connect(to: Destination, patience: Patience) -> anyhow::Result<Self> {
        let (rabbitmq, redis) = (to.rabbitmq()?, to.redis()?);
        let Destination { broker, redis_url, schedule, records } = to;
        if let Some(records) = &records {
            patience.persist("the records' database", || records.ping()).await?;
        }
        let importer = Importer::start(&redis_url, broker.prefix.clone())?;
        patience.persist(&redis, || importer.ping()).await?;
        let topology = Topology::new(&broker.prefix, broker.work_shards, Some(&schedule));
        let publisher = Broker::RabbitMq { settings: broker, topology }.publisher(
            PublisherOptions { name: "hubline migrate".to_owned(), watch_depth: None },
            BrokerMetrics::register(&mut registry("worker")),
        )?;
        let reason = || publisher.link().to_string();
        patience.wait(&rabbitmq, publisher.ready(), reason).await?;
        Ok(Self { publisher, importer, rabbitmq, redis, records, patience })
    }

    /// Ends what is connected.
    pub(crate) async fn close(self) {
        let (closed, records) = (self.publisher.closed(), self.records.clone());
        drop(self);
        closed.await;
        if let Some(records) = records {
            records.close().await;
        }
    }

    /// Publishes all of `batch`, each message once or more often.
    pub(super) async fn publish(&self, batch: &[Publication]) -> Result<(), MigrateError> {
        let publish = || self.publisher.publish(batch.to_vec(), Instant::now() + PUBLISH_TIMEOUT);
        self.patience.persist(&self.rabbitmq, publish).await
    }

    /// Writes those of `entries` that Redis does not have; gives how many that were.
    pub(super) async fn import(&self, entries: &[Entry]) -> Result<u64, MigrateError> {
        self.patience.persist(&self.redis, || self.importer.import(entries)).await
    }
}
