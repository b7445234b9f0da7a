//! The rounds: each measures everything once, so that a machine's mood meets all alike.

use std::time::{Duration, Instant};

use crate::http::{SECRET, post, requests};
use crate::process::{Process, server_cpu};
use crate::raw;
use crate::report::{Report, Sample};

const ROUNDS: usize = 3;
/// Deliveries of 100 events, and over how many connections.
const BATCHES: (usize, usize) = (600, 8);
/// Deliveries of one event, and over how many connections.
const SINGLES: (usize, usize) = (20_000, 32);
const BATCH: usize = 100;

const RABBITMQ: &str = "HUBLINE_TEST_RABBITMQ_PID_FILE";
const REDIS: &str = "HUBLINE_TEST_REDIS_PID_FILE";

pub(crate) async fn run() {
    let amqp = shared::testing::amqp_url();
    let redis = shared::testing::redis_url();
    let prefix = shared::testing::prefix();
    let environment = [
        ("AMQP_URL", amqp.as_str()),
        ("REDIS_URL", redis.as_str()),
        ("PREFIX", prefix.as_str()),
        // One quorum queue is one core of the broker: on both sides of the comparison.
        ("WORK_SHARDS", "1"),
        ("HUBSPOT_CLIENT_SECRET", SECRET),
        ("PUBLIC_URL", "https://bench.example.com"),
        ("RETRY_ATTEMPTS", "2"),
    ];
    let connection = raw::connect(&amqp).await;
    let queue = format!("{prefix}.raw");
    let aside = format!("{prefix}.bare");
    let mut report = Report::default();
    let receiver = Process::start("receiver", &environment).await;
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        raw::declare(&connection, &queue).await;
        raw::declare(&connection, &aside).await;

        let (deliveries, connections) = BATCHES;
        let events = deliveries * BATCH;
        report
            .add_raw(
                "bare publish, 800 in flight",
                events,
                raw::publish(&connection, &aside, events, connections * BATCH, &raw::bare()),
            )
            .await;
        report
            .add_raw(
                "raw publish, 800 in flight",
                events,
                raw::publish(&connection, &queue, events, connections * BATCH, &raw::dressed()),
            )
            .await;
        report
            .add_load("receiver, 100-event deliveries", &receiver, deliveries, BATCH, connections)
            .await;

        let (deliveries, connections) = SINGLES;
        report
            .add_raw(
                "bare publish, 32 in flight",
                deliveries,
                raw::publish(&connection, &aside, deliveries, connections, &raw::bare()),
            )
            .await;
        report
            .add_raw(
                "raw publish, 32 in flight",
                deliveries,
                raw::publish(&connection, &queue, deliveries, connections, &raw::dressed()),
            )
            .await;
        report
            .add_load("receiver, 1-event deliveries", &receiver, deliveries, 1, connections)
            .await;

        let total = events + deliveries;
        report
            .add_raw("raw consume, multiple acks", total, raw::consume(&connection, &queue, total))
            .await;
        raw::delete(&connection, &queue).await;
        raw::delete(&connection, &aside).await;

        let worker = Process::start("worker", &environment).await;
        report.add("worker, handler does nothing", drained(&worker, total as u64).await);
        report.worker_peak_mib = report.worker_peak_mib.max(worker.peak_mib());
    }
    report.receiver_peak_mib = receiver.peak_mib();
    report.print();
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
        let at = |share: f64| load.latencies[((load.latencies.len() - 1) as f64 * share) as usize];
        sample.latency = Some((at(0.5), at(0.99)));
        self.add(name, sample);
    }
}

/// From the first event the worker has done to the last of `total`.
async fn drained(worker: &Process, total: u64) -> Sample {
    let url = format!("http://{}/metrics", worker.admin);
    let client = reqwest::Client::new();
    let mut begun: Option<(u64, Instant, [Duration; 3])> = None;
    let spent = || [worker.cpu(), server_cpu(RABBITMQ), server_cpu(REDIS)];
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        assert!(Instant::now() < deadline, "the worker did not finish within two minutes");
        let text = client.get(&url).send().await.unwrap().text().await.unwrap();
        let done: u64 = text
            .lines()
            .find(|line| line.contains("verdict=\"succeeded\""))
            .map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap());
        let now = Instant::now();
        match begun {
            None if done > 0 => {
                begun = Some((done, now, spent()));
            }
            Some((first, started, before)) if done >= total => {
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
