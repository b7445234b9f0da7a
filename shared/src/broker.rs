//! The broker as the rest of Hubline sees it: publish durably, take deliveries, settle them, count
//! what waits.
//!
//! Only what is below this module knows AMQP. Whether something is retried, given up or done is
//! decided by the worker; here it is only carried out. This file is a face: those below name each
//! other by their files.

mod census;
mod consumer;
mod delivery;
mod engine;
mod gauges;
mod lane;
mod malformed;
mod publication;
mod publisher;
mod queue;
mod rabbitmq;
mod route;
#[cfg(test)]
mod samples;
mod settlement;
mod sqlite;

pub use crate::link::Link;
pub use crate::metrics::Destination;
pub use census::Measuring;
pub use consumer::{Consumer, ConsumerOptions, DeadLetterOptions};
pub use delivery::{DeadQueue, Delivery};
pub use engine::Broker;
pub use lane::Lane;
pub use malformed::MalformedMessage;
pub use publication::{Publication, PublishError};
pub use publisher::{Publisher, PublisherOptions};
pub use queue::{Backlog, QueueDepth, QueueKind};
#[cfg(feature = "testing")]
pub(crate) use rabbitmq::census::ask as ask_for_queue;
#[cfg(feature = "testing")]
pub(crate) use rabbitmq::properties::{
    EARLIER_VERSION_HEADER, decode as decode_message, encode as encode_message, rest as rest_of,
};
pub use rabbitmq::topology::Topology;
pub use route::Route;
pub use settlement::Settlement;
pub use sqlite::census::oldest_delayed;
#[cfg(feature = "testing")]
pub(crate) use sqlite::census::{Counted, counted};
pub use sqlite::embedded::Embedded;
pub use sqlite::export::{Exported, Standing};
