//! How long answers take at fixed rates, beside the broker's own confirms at the same rate. Rates are
//! shares of what the same round reached as fast as it goes; everything is open loop ([`super::paced`]).

use std::time::Duration;

use lapin::Connection;

use super::http::{self, post_on_schedule, requests};
use super::machine;
use super::process::{own_cpu, server_cpu};
use super::raw;
use super::report::{Report, Sample};
use super::rounds::{BATCHES, RABBITMQ, Receiver, SINGLES, environment, in_turn};
use super::scale::Scale;

/// Of what was reached.
const SHARES: [(&str, f64); 3] =
    [("quarter load", 0.25), ("half load", 0.5), ("three quarters of the load", 0.75)];
/// How long each rate is held.
const TIME: Duration = Duration::from_secs(8);
/// What a rate is held for at the most: all of it waits in a queue.
const MOST_EVENTS: f64 = 200_000.0;
const CONNECTIONS: usize = 64;
/// Longer than any load takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is sent when it is due.
#[derive(Clone, Copy)]
enum Sent {
    /// A delivery with so many events.
    Delivery(usize),
    /// So many bare messages at once.
    Bare(usize),
}

/// By the events of a delivery: what is sent at the rate of its events.
const KINDS: [(&str, usize, Sent); 5] = [
    ("100-event deliveries", 100, Sent::Delivery(100)),
    ("bare messages as 100-event deliveries", 100, Sent::Bare(100)),
    ("bare messages one by one", 100, Sent::Bare(1)),
    ("1-event deliveries", 1, Sent::Delivery(1)),
    ("bare messages as 1-event deliveries", 1, Sent::Bare(1)),
];

pub(crate) async fn run(scale: Scale, prefix: &str) -> Report {
    let (amqp, redis) = (shared::testing::amqp_url(), shared::testing::redis_url());
    let connection = raw::connect(&amqp).await;
    let bare = format!("{prefix}.bare");
    raw::declare(&connection, &bare).await;
    let receiver = Receiver::start(&environment(&amqp, &redis, prefix), prefix).await;
    let side_by_side = SideBySide { connection, bare, receiver, scale };
    let mut report = Report::on(machine::servers(scale).await);
    for round in 1..=scale.rounds() {
        eprintln!("round {round} of {}", scale.rounds());
        let batches = side_by_side.reached("100-event deliveries", BATCHES, &mut report).await;
        let singles = side_by_side.reached("1-event deliveries", SINGLES, &mut report).await;
        for (share_name, share) in SHARES {
            // What runs later finds a busier broker: each has its turn at either end.
            for (name, of, sent) in in_turn(round, KINDS) {
                let reached = if of == 1 { singles } else { batches };
                let sample = side_by_side.at(reached * share, sent).await;
                report.add(&format!("{name}, {share_name}"), sample);
            }
        }
    }
    raw::delete(&amqp, &side_by_side.bare).await;
    report.add_peak("receiver", side_by_side.receiver.process.peak_mib());
    report
}

/// The receiver with its queue, and the broker by itself with another.
struct SideBySide {
    connection: Connection,
    bare: String,
    receiver: Receiver,
    scale: Scale,
}

impl SideBySide {
    /// Events a second, as fast as it goes.
    async fn reached(&self, name: &str, load: (usize, usize, usize), report: &mut Report) -> f64 {
        let sample = self.receiver.posted(self.scale, load).await;
        raw::purge(&self.connection, &self.receiver.queue).await;
        let reached = sample.per_second();
        report.add(&format!("{name}, as fast as they go"), sample);
        reached
    }

    /// At so many events a second, on an empty queue.
    async fn at(&self, rate: f64, sent: Sent) -> Sample {
        let (Sent::Delivery(at_once) | Sent::Bare(at_once)) = sent;
        let events = (rate * self.scale.time(TIME).as_secs_f64()).min(MOST_EVENTS);
        let times = (events as usize).div_ceil(at_once).max(2);
        let every = Duration::from_secs_f64(at_once as f64 / rate);
        let (sample, queue) = match sent {
            Sent::Delivery(events) => {
                let requests = requests(times, events);
                let address = self.receiver.process.address;
                let load = in_time(post_on_schedule(address, requests, CONNECTIONS, every));
                (self.receiver.sample(times * events, load).await, &self.receiver.queue)
            }
            Sent::Bare(_) => (self.confirmed((times, at_once), every).await, &self.bare),
        };
        raw::purge(&self.connection, queue).await;
        sample
    }

    async fn confirmed(&self, (times, at_once): (usize, usize), every: Duration) -> Sample {
        let (own, broker) = (own_cpu(), server_cpu(RABBITMQ));
        let load = raw::publish_on_schedule(&self.connection, &self.bare, (times, at_once), every);
        let load = in_time(load).await;
        let mut sample = Sample::rate(times * at_once, load.took);
        // lapin is the load generator here.
        sample.load_cpu = Some(own_cpu().saturating_sub(own));
        sample.broker_cpu = Some(server_cpu(RABBITMQ).saturating_sub(broker));
        sample.latency = Some(load.latency);
        sample
    }
}

async fn in_time(load: impl Future<Output = http::Load>) -> http::Load {
    tokio::time::timeout(PATIENCE, load).await.expect("a load must end within two minutes")
}
