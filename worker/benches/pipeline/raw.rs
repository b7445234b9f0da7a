//! lapin by itself, as fast as it goes: the measure for everything else.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use super::http::{Load, event};
use super::paced::schedule;
use super::report::Percentiles;

const CHANNELS: usize = 4;
/// As the worker's own.
pub(crate) const PREFETCH: u16 = 800;

pub(crate) async fn connect(url: &str) -> Connection {
    Connection::connect(url, ConnectionProperties::default()).await.unwrap()
}

/// A quorum queue as Hubline's.
pub(crate) async fn declare(connection: &Connection, queue: &str) {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    let channel = connection.create_channel().await.unwrap();
    channel.queue_declare(queue.into(), options, arguments).await.unwrap();
}

/// Deletes a queue of which no more is needed. On a connection of its own and whatever comes of
/// it: RabbitMQ 3.10 at times answers `INTERNAL_ERROR` for a quorum queue that was large.
pub(crate) async fn delete(url: &str, queue: &str) {
    let connection = connect(url).await;
    let channel = connection.create_channel().await.unwrap();
    if let Err(error) = channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await {
        eprintln!("  {queue} was not deleted: {error}");
    }
}

/// Removes all messages of a queue, so that none of them is in the way of what comes next.
pub(crate) async fn purge(connection: &Connection, queue: &str) {
    let channel = connection.create_channel().await.unwrap();
    channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await.unwrap();
    channel.close(200, "purged".into()).await.unwrap();
}

/// Publishes `count` messages with confirms, `in_flight` at any time over all channels.
pub(crate) async fn publish(
    connection: &Connection,
    queue: &str,
    count: usize,
    in_flight: usize,
    properties: &BasicProperties,
) -> Duration {
    let way = Way { exchange: String::new(), key: queue.to_owned(), is_mandatory: false };
    publish_by(connection, &way, count, in_flight, properties).await
}

/// How a message gets into its queue.
#[derive(Clone)]
pub(crate) struct Way {
    /// Without a name, the one that knows every queue by its own.
    pub(crate) exchange: String,
    pub(crate) key: String,
    /// Whether it comes back if it has no queue.
    pub(crate) is_mandatory: bool,
}

/// The same by some way.
pub(crate) async fn publish_by(
    connection: &Connection,
    way: &Way,
    count: usize,
    in_flight: usize,
    properties: &BasicProperties,
) -> Duration {
    let channels = CHANNELS.min(in_flight);
    let mut tasks = Vec::new();
    for (index, channel) in confirming(connection, channels).await.into_iter().enumerate() {
        let share = count / channels + usize::from(index < count % channels);
        tasks.push((channel, way.clone(), share, in_flight / channels));
    }
    let started = Instant::now();
    let tasks: Vec<_> = tasks
        .into_iter()
        .map(|(channel, way, count, window)| {
            tokio::spawn(publish_on(channel, way, count, window, properties.clone()))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    started.elapsed()
}

async fn confirming(connection: &Connection, count: usize) -> Vec<Channel> {
    let mut channels = Vec::new();
    for _ in 0..count {
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        channels.push(channel);
    }
    channels
}

async fn publish_on(
    channel: Channel,
    way: Way,
    count: usize,
    window: usize,
    properties: BasicProperties,
) {
    let body = event(1);
    let mut in_flight = FuturesUnordered::new();
    for _ in 0..count {
        if in_flight.len() >= window {
            in_flight.next().await;
        }
        in_flight.push(publish_one(&channel, &way, body.as_bytes(), properties.clone()));
    }
    while in_flight.next().await.is_some() {}
}

/// Publishes one message and waits for its confirm.
async fn publish_one(channel: &Channel, way: &Way, body: &[u8], properties: BasicProperties) {
    let Way { exchange, key, is_mandatory } = way;
    let options = BasicPublishOptions { mandatory: *is_mandatory, ..Default::default() };
    let (exchange, key) = (exchange.as_str().into(), key.as_str().into());
    let confirm = channel.basic_publish(exchange, key, options, body, properties).await.unwrap();
    assert!(confirm.await.unwrap().is_ack());
}

/// Publishes `at_once` bare messages `every` so often, `times` times. Each counts from when it was due to
/// its own confirm.
pub(crate) async fn publish_on_schedule(
    connection: &Connection,
    queue: &str,
    (times, at_once): (usize, usize),
    every: Duration,
) -> Load {
    let channels = confirming(connection, CHANNELS).await;
    let (body, properties) = (event(1), bare());
    let way = &Way { exchange: String::new(), key: queue.to_owned(), is_mandatory: false };
    let mut turns = channels.iter().cycle();
    let mut waiting = FuturesUnordered::new();
    let mut latencies = Vec::with_capacity(times * at_once);
    let started = Instant::now();
    let mut due = schedule(vec![(); times], every);
    let mut all_sent = false;
    loop {
        tokio::select! {
            next = due.recv(), if !all_sent => match next {
                Some((at, ())) => for channel in turns.by_ref().take(at_once) {
                    let sent = publish_one(channel, way, body.as_bytes(), properties.clone());
                    waiting.push(async move {
                        sent.await;
                        at.elapsed()
                    });
                },
                None => all_sent = true,
            },
            Some(latency) = waiting.next(), if !waiting.is_empty() => latencies.push(latency),
            else => break,
        }
    }
    Load { begun: started, took: started.elapsed(), latency: Percentiles::of(latencies) }
}

/// No properties but that the message is persistent.
pub(crate) fn bare() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

/// The properties that Hubline's fresh messages have.
pub(crate) fn dressed() -> BasicProperties {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    BasicProperties::default()
        .with_app_id("hubline/3".into())
        .with_correlation_id(format!("1769081993375 {trace}").into())
        .with_reply_to("hubspot/242711451".into())
        .with_message_id("0".repeat(64).into())
        .with_type("deal.propertyChange".into())
        .with_content_type("application/json".into())
        .with_delivery_mode(2)
        .with_timestamp(1_769_081_993)
}

/// Consumes `count` messages, acking half a prefetch at a time with one multiple ack.
pub(crate) async fn consume(connection: &Connection, queue: &str, count: usize) -> Duration {
    let channel = connection.create_channel().await.unwrap();
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await.unwrap();
    let mut consumer = channel
        .basic_consume(
            queue.into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let mut started = None;
    for index in 1..=count {
        let delivery = consumer.next().await.unwrap().unwrap();
        started.get_or_insert_with(Instant::now);
        if index % (usize::from(PREFETCH) / 2) == 0 || index == count {
            channel
                .basic_ack(delivery.delivery_tag, BasicAckOptions { multiple: true })
                .await
                .unwrap();
        }
    }
    let took = started.unwrap().elapsed();
    // With its consumer still there, deleting the queue can make the broker trip.
    channel.close(200, "consumed".into()).await.unwrap();
    took
}
