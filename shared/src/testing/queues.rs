//! A look into the queues of one prefix on RabbitMQ, and their end.

use std::time::Duration;

use bytes::Bytes;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ExchangeDeleteOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use super::patience::{PATIENCE, within};
use crate::broker::{
    EARLIER_VERSION_HEADER, MalformedMessage, Topology, ask_for_queue, decode_message,
    encode_message, rest_of,
};
use crate::message::Message;
use crate::retry::Hop;

/// A message taken out of a queue.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Hubline's message, or what stands there instead.
    pub message: Result<Message, MalformedMessage>,
    /// The routing key it was published with; in a data file the queue's name.
    pub routing_key: String,
    /// How long it was to stay in this queue, if that had an end.
    pub ttl: Option<Duration>,
    /// What was left of its wait then.
    pub rest: Duration,
}

/// The queues of one topology, through a connection of the test's own.
pub struct Queues {
    connection: Connection,
    channel: Channel,
    topology: Topology,
    prefix: String,
}

impl Queues {
    /// Connects; declares nothing.
    pub async fn connect(url: &str, prefix: &str, topology: Topology) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default())
            .await
            .expect("RabbitMQ for tests must be running");
        let channel = connection.create_channel().await.unwrap();
        Self { connection, channel, topology, prefix: prefix.to_owned() }
    }

    /// The name of `queue` under the test's prefix, e.g. `dead`.
    pub fn name(&self, queue: &str) -> String {
        format!("{}.{queue}", self.prefix)
    }

    /// The work queues by shard, without the prefix.
    pub(super) fn work_queues(&self) -> Vec<String> {
        let prefix = format!("{}.", self.prefix);
        self.topology.work_queues().map(|name| name.replacen(&prefix, "", 1)).collect()
    }

    /// Ready messages of `queue` (without the prefix).
    pub async fn ready(&self, queue: &str) -> u32 {
        ask_for_queue(&self.channel, &self.name(queue)).await.unwrap().message_count()
    }

    /// Takes one message out of `queue`, waiting for it.
    pub async fn take(&self, queue: &str) -> Letter {
        let name = self.name(queue);
        let taking = async {
            loop {
                let options = BasicGetOptions { no_ack: false };
                if let Some(got) =
                    self.channel.basic_get(name.as_str().into(), options).await.unwrap()
                {
                    self.channel
                        .basic_ack(got.delivery.delivery_tag, BasicAckOptions::default())
                        .await
                        .unwrap();
                    let delivery = got.delivery;
                    let ttl = delivery.properties.expiration().as_ref();
                    let ttl = ttl.and_then(|ttl| ttl.as_str().parse().ok());
                    return Letter {
                        ttl: ttl.map(Duration::from_millis),
                        rest: rest_of(&delivery.properties),
                        message: decode_message(&delivery.properties, Bytes::from(delivery.data)),
                        routing_key: delivery.routing_key.to_string(),
                    };
                }
                // basic.get has nothing to wait on; this is the poll of a test, not a delay.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(&format!("a message in {name}"), taking).await
    }

    /// Takes everything that is ready in `queue` now.
    pub async fn drain(&self, queue: &str) -> Vec<Letter> {
        let mut letters = Vec::new();
        while self.ready(queue).await > 0 {
            letters.push(self.take(queue).await);
        }
        letters
    }

    /// Puts raw bytes without any of Hubline's properties into `queue`.
    pub async fn put_foreign(&self, queue: &str, body: &[u8]) {
        self.channel
            .basic_publish(
                "".into(),
                self.name(queue).into(),
                BasicPublishOptions::default(),
                body,
                BasicProperties::default().with_delivery_mode(2),
            )
            .await
            .unwrap();
    }

    /// Puts `message` into `queue` as a build with an earlier format would have: its version was a header.
    pub async fn put_as_earlier_build(&self, queue: &str, message: &Message) {
        let mut headers = FieldTable::default();
        headers.insert(EARLIER_VERSION_HEADER.into(), AMQPValue::LongLongInt(2));
        let (name, options) = (self.name(queue), BasicPublishOptions::default());
        let properties = BasicProperties::default()
            .with_message_id(message.event.identity.as_ref().into())
            .with_delivery_mode(2)
            .with_headers(headers);
        self.channel
            .basic_publish("".into(), name.into(), options, message.event.body(), properties)
            .await
            .unwrap();
    }

    /// Puts `message` into `queue` as one that has come back there and has `rest` to wait yet.
    pub async fn put_back(&self, queue: &str, message: &Message, rest: Duration) {
        let hour = Duration::from_secs(3600);
        let properties = encode_message(message, Some(&Hop { delay: hour, ttl: hour, rest }));
        let (name, options) = (self.name(queue), BasicPublishOptions::default());
        self.channel
            .basic_publish("".into(), name.into(), options, message.event.body(), properties)
            .await
            .unwrap();
    }

    /// Waits until no queue of the prefix has a ready message, but not for ever: an ack that was
    /// sent counts only when the queue's replicas have it, and a lost connection's deliveries
    /// come back after a while.
    pub async fn settle(&self) {
        let empty = async {
            for (name, _) in self.topology.queues() {
                let queue = name.strip_prefix(&self.name("")).unwrap();
                while self.ready(queue).await > 0 {
                    // There is nothing to wait on; this is the poll of a test, not a delay.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, empty).await;
    }

    /// Deletes every queue and exchange of the prefix; names the queues that still held
    /// messages.
    pub async fn delete_all(self) -> Vec<(String, u32)> {
        let mut leftovers = Vec::new();
        for (queue, _) in self.topology.queues() {
            let count = self
                .channel
                .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
                .await
                .unwrap();
            if count > 0 {
                leftovers.push((queue, count));
            }
        }
        for exchange in ["events", "retry", "dead", "unrouted"] {
            let name = self.name(exchange);
            self.channel
                .exchange_delete(name.into(), ExchangeDeleteOptions::default())
                .await
                .unwrap();
        }
        self.connection.close(200, "done".into()).await.unwrap();
        leftovers
    }
}
