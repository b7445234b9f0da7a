//! The engines that messages can be kept in. What each does is its own.

use std::sync::Arc;

use super::rabbitmq::topology::Topology;
use super::sqlite::embedded::Embedded;
use crate::settings::BrokerSettings;

/// Where messages are kept: one variant per engine, the same meaning in each.
#[derive(Clone, Debug)]
pub enum Broker {
    /// Queues on RabbitMQ.
    RabbitMq {
        /// How to reach it.
        settings: BrokerSettings,
        /// What it is to have.
        topology: Topology,
    },
    /// Queues in the data file of an embedded Hubline.
    Sqlite(Arc<Embedded>),
}
