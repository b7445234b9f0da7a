//! How everything Hubline has on RabbitMQ is declared, with every argument in sight. Publishing and
//! consuming code never declares.
//!
//! Declared here is what the code's meaning rests on (queue type, TTL, dead-lettering,
//! overflow). Limits that an operator tunes are policies on the broker. All of it is idempotent;
//! arguments that differ from what stands close the channel with 406, on purpose.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use super::topology::{DELAY_HEADER, Topology};
use crate::retry::delay_name;

/// A run that takes its worker down is found out by the ledger after three times; this is the
/// net under the net.
const DELIVERY_LIMIT: i64 = 100;

/// Dead letters are given back whenever the records' database is away. RabbitMQ 4 would drop them
/// after 20 times if nothing was said.
const ENDLESS: i64 = i32::MAX as i64;

impl Topology {
    /// Declares everything; what stands already is left as it is.
    ///
    /// The retry exchange comes after all that fresh events pass through. Bindings cannot be asked
    /// for, so it is what tells who looks that these queues were bound as well. That leaves a
    /// moment when `WORK_SHARDS` grows: what a receiver publishes then to a queue that a worker has
    /// declared and not bound yet lands among the unrouted. Workers first, receivers after them.
    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), lapin::Error> {
        self.declare_dead_letters(channel).await?;
        // Unroutable is made impossible instead of being watched for: with many messages in
        // flight, a `mandatory` return can be matched to the wrong publish.
        let mut alternate = FieldTable::default();
        alternate.insert("alternate-exchange".into(), text(self.exchange("unrouted").as_str()));
        self.declare_exchange(channel, "events", ExchangeKind::Direct, alternate.clone()).await?;
        for (shard, queue) in self.work_queues().enumerate() {
            self.declare_queue(channel, &queue, self.work_arguments()).await?;
            self.bind(channel, &queue, "events", &shard.to_string(), FieldTable::default()).await?;
        }
        self.declare_queue(channel, &self.bulk_queue(), self.work_arguments()).await?;
        self.bind(channel, &self.bulk_queue(), "events", "bulk", FieldTable::default()).await?;
        self.declare_exchange(channel, "retry", ExchangeKind::Headers, alternate).await?;
        for delay in self.retry_delays() {
            let queue = self.retry_queue(delay);
            self.declare_queue(channel, &queue, self.retry_arguments(delay)).await?;
            let mut matching = FieldTable::default();
            matching.insert("x-match".into(), text("all"));
            matching.insert(DELAY_HEADER.into(), text(&delay_name(delay)));
            self.bind(channel, &queue, "retry", "", matching).await?;
        }
        Ok(())
    }

    /// Declares the queues of what no handler will take.
    pub(super) async fn declare_dead_letters(&self, channel: &Channel) -> Result<(), lapin::Error> {
        for (queue, exchange) in [(self.dead_queue(), "dead"), (self.unrouted_queue(), "unrouted")]
        {
            self.declare_exchange(channel, exchange, ExchangeKind::Fanout, FieldTable::default())
                .await?;
            let mut arguments = quorum();
            arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(ENDLESS));
            self.declare_queue(channel, &queue, arguments).await?;
            self.bind(channel, &queue, exchange, "", FieldTable::default()).await?;
        }
        Ok(())
    }

    async fn declare_exchange(
        &self,
        channel: &Channel,
        name: &str,
        kind: ExchangeKind,
        arguments: FieldTable,
    ) -> Result<(), lapin::Error> {
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        channel.exchange_declare(self.exchange(name), kind, options, arguments).await
    }

    async fn declare_queue(
        &self,
        channel: &Channel,
        queue: &str,
        arguments: FieldTable,
    ) -> Result<(), lapin::Error> {
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        channel.queue_declare(queue.into(), options, arguments).await.map(|_| ())
    }

    async fn bind(
        &self,
        channel: &Channel,
        queue: &str,
        exchange: &str,
        key: &str,
        arguments: FieldTable,
    ) -> Result<(), lapin::Error> {
        let exchange = self.exchange(exchange);
        channel
            .queue_bind(queue.into(), exchange, key.into(), QueueBindOptions::default(), arguments)
            .await
    }

    fn work_arguments(&self) -> FieldTable {
        let mut arguments = quorum();
        arguments.insert("x-dead-letter-exchange".into(), text(self.exchange("dead").as_str()));
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
        arguments
    }

    fn retry_arguments(&self, delay: Duration) -> FieldTable {
        let mut arguments = quorum();
        let ttl = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(ttl));
        // No dead-letter routing key: the shard's key comes back with the message.
        arguments.insert("x-dead-letter-exchange".into(), text(self.exchange("events").as_str()));
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments
    }
}

/// Every queue is a quorum queue: replicated, fsynced before it confirms. `reject-publish` also
/// without a length limit, or at-least-once dead-lettering silently falls back to at-most-once.
fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
