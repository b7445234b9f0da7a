//! The rounds: each measures everything once, so that a machine's mood meets all alike.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::http::{SECRET, post, requests};
use crate::process::{Process, server_cpu};
use crate::raw;
use crate::report::{Report, Sample};

const ROUNDS: usize = 3;
/// Deliveries, over how many connections, and the events of each.
type Load = (usize, usize, usize);
const BATCHES: Load = (600, 8, 100);
const SINGLES: Load = (20_000, 32, 1);

pub(crate) const RABBITMQ: &str = "HUBLINE_TEST_RABBITMQ_PID_FILE";
pub(crate) const REDIS: &str = "HUBLINE_TEST_REDIS_PID_FILE";

pub(crate) async fn run() {
    let amqp = shared::testing::amqp_url();
    let redis = shared::testing::redis_url();
    let prefix = shared::testing::prefix();
    let concurrency = raw::PREFETCH.to_string();
    let environment = [
        ("AMQP_URL", amqp.as_str()),
        ("REDIS_URL", redis.as_str()),
        ("PREFIX", prefix.as_str()),
        // One quorum queue is one core of the broker: on both sides of the comparison.
        ("WORK_SHARDS", "1"),
        ("HUBSPOT_CLIENT_SECRET", SECRET),
        ("PUBLIC_URL", "https://bench.example.com"),
        ("RETRY_ATTEMPTS", "2"),
        ("CONCURRENCY", concurrency.as_str()),
    ];
    let connection = raw::connect(&amqp).await;
    let mut report = Report::default();
    let receiver = Process::start("receiver", &environment).await;
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        let queue = format!("{prefix}.raw.{round}");
        let aside = format!("{prefix}.bare.{round}");
        raw::declare(&connection, &queue).await;
        raw::declare(&connection, &aside).await;

        // What runs later finds a busier broker: each row has its turn at either end.
        for (name, run) in order(round) {
            match run {
                Run::Raw { load: (deliveries, connections, batch), bare } => {
                    let (queue, properties) =
                        if bare { (&aside, raw::bare()) } else { (&queue, raw::dressed()) };
                    let (events, in_flight) = (deliveries * batch, connections * batch);
                    let run = raw::publish(&connection, queue, events, in_flight, &properties);
                    report.add_raw(name, events, run).await;
                }
                Run::Receiver((deliveries, connections, batch)) => {
                    report.add_load(name, &receiver, deliveries, batch, connections).await;
                }
            }
        }

        let total = BATCHES.0 * BATCHES.2 + SINGLES.0;
        report
            .add_raw("raw consume, multiple acks", total, raw::consume(&connection, &queue, total))
            .await;
        raw::delete(&amqp, &queue).await;
        raw::delete(&amqp, &aside).await;

        let worker = Process::start("worker", &environment).await;
        report.add("worker, handler does nothing", drained(&worker, 0..total as u64, REDIS).await);
        report.worker_peak_mib = report.worker_peak_mib.max(worker.peak_mib());
    }
    report.receiver_peak_mib = receiver.peak_mib();
    report.print();
}

enum Run {
    Raw { load: Load, bare: bool },
    Receiver(Load),
}

/// What is published in a round: every second round the other way around.
fn order(round: usize) -> Vec<(&'static str, Run)> {
    let bare = |load| Run::Raw { load, bare: true };
    let dressed = |load| Run::Raw { load, bare: false };
    let mut runs = vec![
        ("bare publish, 800 in flight", bare(BATCHES)),
        ("raw publish, 800 in flight", dressed(BATCHES)),
        ("receiver, 100-event deliveries", Run::Receiver(BATCHES)),
        ("bare publish, 32 in flight", bare(SINGLES)),
        ("raw publish, 32 in flight", dressed(SINGLES)),
        ("receiver, 1-event deliveries", Run::Receiver(SINGLES)),
    ];
    if round.is_multiple_of(2) {
        runs.reverse();
    }
    runs
}

impl Report {
    async fn add_raw(
        &mut self,
        name: &'static str,
        events: usize,
        run: impl Future<Output = Duration>,
    ) {
        let broker = server_cpu(RABBITMQ);
        let mut sample = Sample::rate(events, run.await);
        sample.broker_cpu = Some(server_cpu(RABBITMQ).saturating_sub(broker));
        self.add(name, sample);
    }

    async fn add_load(
        &mut self,
        name: &'static str,
        receiver: &Process,
        deliveries: usize,
        batch: usize,
        connections: usize,
    ) {
        let requests = requests(deliveries, batch);
        let (cpu, broker) = (receiver.cpu(), server_cpu(RABBITMQ));
        let load = post(receiver.address, requests, connections).await;
        let mut sample = Sample::rate(deliveries * batch, load.took);
        sample.cpu = Some(receiver.cpu().saturating_sub(cpu));
        sample.broker_cpu = Some(server_cpu(RABBITMQ).saturating_sub(broker));
        sample.latency = Some(load.percentiles());
        self.add(name, sample);
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

/// From when the worker has done more than the first of `events` to the last of them. `redis` names
/// the file with its Redis' process id.
pub(crate) async fn drained(worker: &Process, events: Range<u64>, redis: &str) -> Sample {
    let mut begun: Option<(u64, Instant, [Duration; 3])> = None;
    let spent = || [worker.cpu(), server_cpu(RABBITMQ), server_cpu(redis)];
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        assert!(Instant::now() < deadline, "the worker did not finish within two minutes");
        let done = metric(worker, "verdict=\"succeeded\"").await;
        let now = Instant::now();
        match begun {
            None if done > events.start => {
                begun = Some((done, now, spent()));
            }
            Some((first, started, before)) if done >= events.end => {
                let mut sample = Sample::rate((done - first) as usize, now - started);
                let [cpu, broker, redis] = spent();
                sample.cpu = Some(cpu.saturating_sub(before[0]));
                sample.broker_cpu = Some(broker.saturating_sub(before[1]));
                sample.redis_cpu = Some(redis.saturating_sub(before[2]));
                return sample;
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
