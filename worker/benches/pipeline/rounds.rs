//! The rounds: each measures everything once, so that a machine's mood meets all alike.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::http::{SECRET, post, requests};
use super::machine;
use super::process::{Process, own_cpu, server_cpu};
use super::queue::Queue;
use super::raw;
use super::report::{Report, Sample};
use super::roles::{RETRY_ATTEMPTS, default_concurrency};
use super::scale::Scale;

/// Deliveries, over how many connections, and the events of each.
pub(crate) type Load = (usize, usize, usize);
pub(crate) const BATCHES: Load = (600, 8, 100);
pub(crate) const SINGLES: Load = (20_000, 32, 1);

pub(crate) const RABBITMQ: &str = "HUBLINE_TEST_RABBITMQ_PID_FILE";
pub(crate) const REDIS: &str = "HUBLINE_TEST_REDIS_PID_FILE";

pub(crate) async fn run(scale: Scale, prefix: &str) -> Report {
    let amqp = shared::testing::amqp_url();
    let redis = shared::testing::redis_url();
    let environment = environment(&amqp, &redis, prefix);
    let connection = raw::connect(&amqp).await;
    let mut report = Report::on(machine::servers(scale).await);
    let default = default_concurrency();
    report.facts.push(format!("default CONCURRENCY: {default}"));
    let receiver = Receiver::start(&environment, prefix).await;
    let workers = [
        ("worker, CONCURRENCY 800", raw::PREFETCH.to_string()),
        ("worker, default CONCURRENCY", default),
    ];
    for round in 1..=scale.rounds() {
        eprintln!("round {round} of {}", scale.rounds());
        let queue = format!("{prefix}.raw.{round}");
        let aside = format!("{prefix}.bare.{round}");
        raw::declare(&connection, &queue).await;
        raw::declare(&connection, &aside).await;

        // What runs later finds a busier broker: each row has its turn at either end.
        let mut total = 0;
        for (name, run) in order(round) {
            match run {
                Run::Raw { load, bare } => {
                    let (deliveries, connections, batch) = load;
                    let (events, in_flight) =
                        (scale.count(deliveries) * batch, connections * batch);
                    let (queue, properties) = if bare {
                        (&aside, raw::bare())
                    } else {
                        total += events;
                        (&queue, raw::dressed())
                    };
                    let run = raw::publish(&connection, queue, events, in_flight, &properties);
                    report.add(name, of_raw(events, run).await);
                }
                Run::Receiver(load) => report.add(name, receiver.posted(scale, load).await),
            }
        }

        let run = raw::consume(&connection, &queue, total);
        report.add("raw consume, multiple acks", of_raw(total, run).await);
        raw::delete(&amqp, &queue).await;
        raw::delete(&amqp, &aside).await;

        for (turn, (name, concurrency)) in in_turn(round, &workers).into_iter().enumerate() {
            if turn > 0 {
                // The one before has taken all there was.
                for load in [BATCHES, SINGLES] {
                    receiver.posted(scale, load).await;
                }
            }
            let own = [("CONCURRENCY", concurrency.as_str())];
            let worker = Process::start("worker", &[&environment[..], &own].concat()).await;
            report.add(name, drained(&worker, 0..total as u64, REDIS).await);
            report.add_peak("worker", worker.peak_mib());
            worker.stop().await;
        }
    }
    report.add_peak("receiver", receiver.process.peak_mib());
    report
}

/// What the programs are told.
pub(crate) fn environment<'a>(
    amqp: &'a str,
    redis: &'a str,
    prefix: &'a str,
) -> [(&'static str, &'a str); 7] {
    [
        ("AMQP_URL", amqp),
        ("REDIS_URL", redis),
        ("PREFIX", prefix),
        // One quorum queue is one core of the broker: on both sides of the comparison.
        ("WORK_SHARDS", "1"),
        ("HUBSPOT_CLIENT_SECRET", SECRET),
        ("PUBLIC_URL", "https://bench.example.com"),
        ("RETRY_ATTEMPTS", RETRY_ATTEMPTS),
    ]
}

enum Run {
    Raw { load: Load, bare: bool },
    Receiver(Load),
}

/// What is published in a round.
fn order(round: usize) -> Vec<(&'static str, Run)> {
    let bare = |load| Run::Raw { load, bare: true };
    let dressed = |load| Run::Raw { load, bare: false };
    let runs = vec![
        ("bare publish, 800 in flight", bare(BATCHES)),
        ("raw publish, 800 in flight", dressed(BATCHES)),
        ("receiver, 100-event deliveries", Run::Receiver(BATCHES)),
        ("bare publish, 32 in flight", bare(SINGLES)),
        ("raw publish, 32 in flight", dressed(SINGLES)),
        ("receiver, 1-event deliveries", Run::Receiver(SINGLES)),
    ];
    in_turn(round, runs)
}

/// Every second round the other way around.
pub(crate) fn in_turn<T>(round: usize, all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.into_iter().collect();
    if round.is_multiple_of(2) {
        all.reverse();
    }
    all
}

/// What lapin does by itself, in this process.
pub(crate) async fn of_raw(events: usize, run: impl Future<Output = Duration>) -> Sample {
    let (cpu, broker) = (own_cpu(), server_cpu(RABBITMQ));
    let mut sample = Sample::rate(events, run.await);
    sample.cpu = Some(own_cpu().saturating_sub(cpu));
    sample.broker_cpu = Some(server_cpu(RABBITMQ).saturating_sub(broker));
    sample
}

/// A receiver and the one queue it publishes to.
pub(crate) struct Receiver {
    pub(crate) process: Process,
    pub(crate) queue: String,
}

impl Receiver {
    pub(crate) async fn start(environment: &[(&str, &str)], prefix: &str) -> Self {
        let process = Process::start("receiver", environment).await;
        Self { process, queue: format!("{prefix}.work.0") }
    }

    /// As many deliveries as it takes, whose events must be in its queue afterwards.
    pub(crate) async fn posted(&self, scale: Scale, load: Load) -> Sample {
        let (deliveries, connections, batch) = load;
        let deliveries = scale.count(deliveries);
        let requests = requests(deliveries, batch);
        let load = post(self.process.address, requests, connections);
        self.sample(deliveries * batch, load).await
    }

    /// What `load` takes of it, which no worker may see.
    pub(crate) async fn sample(
        &self,
        events: usize,
        load: impl Future<Output = super::http::Load>,
    ) -> Sample {
        let queue = Queue::RabbitMq { url: shared::testing::amqp_url(), name: self.queue.clone() };
        let expected = queue.length().await + events as u64;
        let spent = || [self.process.cpu(), own_cpu(), server_cpu(RABBITMQ)];
        let before = spent();
        let load = load.await;
        let after = spent();
        let took = |which: usize| Some(after[which].saturating_sub(before[which]));
        let mut sample = Sample::rate(events, load.took);
        (sample.cpu, sample.load_cpu, sample.broker_cpu) = (took(0), took(1), took(2));
        sample.latency = Some(load.latency);
        sample.lost = Some(expected.saturating_sub(queue.settled(expected).await));
        sample
    }
}

/// The sum of the lines of a process' metrics that have `part`; 0 if there is none.
pub(crate) async fn metric(process: &Process, part: &str) -> u64 {
    let url = format!("http://{}/metrics", process.admin);
    let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
    // Counters are there from the start with every label: it is the sum that says something.
    let values = text.lines().filter(|line| !line.starts_with('#') && line.contains(part));
    values.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// From when the worker has done more than the first of `events` to the last of them; or from its start,
/// if they are so few that it is never seen in between. `redis` names the file with its Redis' process id.
pub(crate) async fn drained(worker: &Process, events: Range<u64>, redis: &str) -> Sample {
    let spent = || [worker.cpu(), server_cpu(RABBITMQ), server_cpu(redis)];
    let at_start = (0, Instant::now(), spent());
    let mut begun = None;
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        assert!(Instant::now() < deadline, "the worker did not finish within two minutes");
        let done = metric(worker, "verdict=\"succeeded\"").await;
        let now = Instant::now();
        if done >= events.end {
            let (first, started, before) = begun.unwrap_or(at_start);
            let mut sample = Sample::rate((done - first) as usize, now - started);
            let [cpu, broker, redis] = spent();
            sample.cpu = Some(cpu.saturating_sub(before[0]));
            sample.broker_cpu = Some(broker.saturating_sub(before[1]));
            sample.redis_cpu = Some(redis.saturating_sub(before[2]));
            return sample;
        }
        if begun.is_none() && done > events.start {
            begun = Some((done, now, spent()));
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
