//! Publishing into a rig's queues, as the receiver would.

use std::sync::Arc;

use prometheus_client::registry::Registry as Metrics;
use shared::broker::{Broker, Publication, PublishError, Publisher, PublisherOptions};
use shared::metrics::BrokerMetrics;
use shared::testing::{DataFile, Place};
use tokio::time::Instant;

use super::within;

/// A publisher where the events are.
pub(crate) enum Publishing {
    /// With a connection of its own.
    RabbitMq(Publisher),
    /// With nothing of its own: it must not keep a file open that is to be lent.
    DataFile(Arc<DataFile>),
}

impl Publishing {
    pub(super) async fn into(queues: &Place) -> Self {
        match queues {
            Place::Cluster { broker, .. } => {
                let publisher = publisher(broker);
                within("the broker", publisher.ready()).await;
                Self::RabbitMq(publisher)
            }
            Place::Embedded(file) => Self::DataFile(Arc::clone(file)),
        }
    }

    /// Publishes `batch`; a data file must not be lent now.
    pub(crate) async fn publish(
        &self,
        batch: Vec<Publication>,
        deadline: Instant,
    ) -> Result<(), PublishError> {
        match self {
            Self::RabbitMq(publisher) => publisher.publish(batch, deadline).await,
            Self::DataFile(file) => {
                publisher(&Broker::Sqlite(file.embedded())).publish(batch, deadline).await
            }
        }
    }
}

fn publisher(broker: &Broker) -> Publisher {
    let options = PublisherOptions { name: "test".to_owned(), watch_depth: None };
    broker.publisher(options, BrokerMetrics::register(&mut Metrics::default())).unwrap()
}
