//! The names and declarations of everything Hubline has on RabbitMQ, with every argument in
//! sight. Publishing and consuming code never declares.
//!
//! Declared here is what the code's meaning rests on (queue type, TTL, dead-lettering,
//! overflow). Limits that an operator tunes are policies on the broker. All of it is idempotent;
//! arguments that differ from what stands close the channel with 406, on purpose.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use crate::broker::{Lane, Route};
use crate::origin::Origin;
use crate::retry::{Hop, Ladder, RetrySchedule, delay_name};

/// The header by which the retry exchange finds the queue of a delay.
pub(super) const DELAY_HEADER: &str = "hubline-delay";

/// A run that takes its worker down is found out by the ledger after three times; this is the
/// net under the net.
const DELIVERY_LIMIT: i64 = 100;

/// Dead letters are given back whenever the records' database is away. RabbitMQ 4 would drop them
/// after 20 times if nothing was said.
const ENDLESS: i64 = i32::MAX as i64;

/// The names on the broker, and how they are declared.
#[derive(Clone, Debug)]
pub struct Topology {
    prefix: String,
    work_shards: u32,
    ladder: Option<Ladder>,
}

impl Topology {
    /// The topology under `prefix` with `work_shards` work queues. Without a schedule the retry
    /// queues are left alone: the receiver neither uses nor knows them.
    #[must_use]
    pub fn new(prefix: &str, work_shards: u32, schedule: Option<&RetrySchedule>) -> Self {
        Self {
            prefix: prefix.to_owned(),
            work_shards: work_shards.max(1),
            ladder: schedule.map(RetrySchedule::ladder),
        }
    }

    /// First part of every name.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The work queues, by shard.
    pub fn work_queues(&self) -> impl Iterator<Item = String> {
        (0..self.work_shards).map(|shard| format!("{}.work.{shard}", self.prefix))
    }

    /// The queue for replays, backfill and bulk retries.
    #[must_use]
    pub fn bulk_queue(&self) -> String {
        format!("{}.bulk", self.prefix)
    }

    /// The queue of dead letters.
    #[must_use]
    pub fn dead_queue(&self) -> String {
        format!("{}.dead", self.prefix)
    }

    /// Where messages land whose routing key has no queue.
    #[must_use]
    pub fn unrouted_queue(&self) -> String {
        format!("{}.unrouted", self.prefix)
    }

    /// The retry queues, ascending by delay.
    pub fn retry_queues(&self) -> impl Iterator<Item = String> {
        self.retry_delays().map(|delay| self.retry_queue(delay))
    }

    fn retry_delays(&self) -> impl Iterator<Item = Duration> {
        self.ladder.iter().flat_map(Ladder::delays)
    }

    /// The next stay of what is to wait. Without a schedule there is none, and what is to wait lands
    /// among the unrouted.
    pub(super) fn hop(&self, route: Route) -> Option<Hop> {
        match (route, &self.ladder) {
            (Route::Later { wait, .. }, Some(ladder)) => Some(ladder.hop(wait)),
            _ => None,
        }
    }

    fn retry_queue(&self, delay: Duration) -> String {
        format!("{}.retry.{}", self.prefix, delay_name(delay))
    }

    fn exchange(&self, name: &str) -> ShortString {
        format!("{}.{name}", self.prefix).into()
    }

    /// The exchange and routing key of `route` for a message of `origin`.
    pub(super) fn address(&self, route: Route, origin: &Origin) -> (ShortString, ShortString) {
        match route {
            Route::Ready(lane) => (self.exchange("events"), self.key(lane, origin)),
            Route::Later { lane, .. } => (self.exchange("retry"), self.key(lane, origin)),
            Route::Dead => (self.exchange("dead"), self.key(Lane::Work, origin)),
        }
    }

    fn key(&self, lane: Lane, origin: &Origin) -> ShortString {
        match lane {
            Lane::Work => self.shard(origin).to_string().into(),
            Lane::Bulk => "bulk".into(),
        }
    }

    /// The shard of an account: the same in every process and every version.
    fn shard(&self, origin: &Origin) -> u32 {
        // FNV's steps over its text, and one of splitmix64: accounts that are alike still spread evenly.
        let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = origin.to_string().bytes().fold(0, step);
        let mut hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^= hash >> 31;
        u32::try_from(hash % u64::from(self.work_shards)).unwrap_or(0)
    }

    /// Asks for everything that [`Self::declare_dead_letters`] declares, and gives the same.
    pub(super) async fn look_at_dead_letters(
        &self,
        channel: &Channel,
    ) -> Result<u64, lapin::Error> {
        let mut ready = 0;
        for (queue, exchange) in [(self.dead_queue(), "dead"), (self.unrouted_queue(), "unrouted")]
        {
            self.look_at_exchange(channel, exchange).await?;
            ready += u64::from(self.look_at_queue(channel, &queue).await?);
        }
        Ok(ready)
    }

    /// Asks for everything that [`Self::declare`] declares, which needs no right on the broker;
    /// fails with 404 at the first that is missing. Arguments are not compared.
    pub(super) async fn look(&self, channel: &Channel) -> Result<(), lapin::Error> {
        self.look_at_dead_letters(channel).await?;
        for name in ["events", "retry"] {
            self.look_at_exchange(channel, name).await?;
        }
        for queue in self.work_queues().chain([self.bulk_queue()]).chain(self.retry_queues()) {
            self.look_at_queue(channel, &queue).await?;
        }
        Ok(())
    }

    async fn look_at_exchange(&self, channel: &Channel, name: &str) -> Result<(), lapin::Error> {
        let options = ExchangeDeclareOptions { passive: true, ..Default::default() };
        // The kind is not looked at.
        let (kind, none) = (ExchangeKind::Direct, FieldTable::default());
        channel.exchange_declare(self.exchange(name), kind, options, none).await
    }

    /// Gives how many messages are ready in it.
    async fn look_at_queue(&self, channel: &Channel, queue: &str) -> Result<u32, lapin::Error> {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let none = FieldTable::default();
        Ok(channel.queue_declare(queue.into(), options, none).await?.message_count())
    }

    /// Declares everything; what stands already is left as it is.
    ///
    /// The retry exchange comes after all that fresh events pass through. Bindings cannot be asked
    /// for, so it is what tells [`Self::look`] that these queues were bound as well. That leaves a
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

    /// Declares the queues of what no handler will take; gives how many messages are ready there.
    pub(super) async fn declare_dead_letters(
        &self,
        channel: &Channel,
    ) -> Result<u64, lapin::Error> {
        let mut ready = 0;
        for (queue, exchange) in [(self.dead_queue(), "dead"), (self.unrouted_queue(), "unrouted")]
        {
            self.declare_exchange(channel, exchange, ExchangeKind::Fanout, FieldTable::default())
                .await?;
            let mut arguments = quorum();
            arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(ENDLESS));
            ready += u64::from(self.declare_queue(channel, &queue, arguments).await?);
            self.bind(channel, &queue, exchange, "", FieldTable::default()).await?;
        }
        Ok(ready)
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

    /// Gives how many messages are ready in it.
    async fn declare_queue(
        &self,
        channel: &Channel,
        queue: &str,
        arguments: FieldTable,
    ) -> Result<u32, lapin::Error> {
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        Ok(channel.queue_declare(queue.into(), options, arguments).await?.message_count())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_keeps_its_shard_and_accounts_spread_evenly() {
        let topology = Topology::new("t", 8, None);
        let mut counts = [0_u32; 8];
        for portal in 0..8000 {
            counts[topology.shard(&Origin::hubspot(portal * 1000)) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
        // Fixed for all time: a change would send an account's retries to another queue.
        let shards = |topology: &Topology| {
            [1, 62_515, 242_711_451].map(|portal| topology.shard(&Origin::hubspot(portal)))
        };
        assert_eq!(shards(&topology), shards(&Topology::new("other", 8, None)));
        assert_eq!(shards(&topology), [5, 4, 0]);
    }
}
