//! Hubline beside plain Node programs: the same events, posted by the same load generator, in
//! interleaved rounds of one run. What was answered 200 is looked for in the queues.

use std::time::Duration;

use super::http::{self, post, requests};
use super::machine;
use super::process::{Process, own_cpu, server_cpu};
use super::queue::{self, Queue};
use super::report::{Report, Sample};
use super::rounds::{RABBITMQ, drained};
use super::scale::Scale;

mod contender;

use contender::{Contender, bullmq_redis, contenders};

const ROUNDS: usize = 3;
/// Deliveries, over how many connections, and the events of each.
type Load = (usize, usize, usize);
/// In flight as many as in the rounds beside raw lapin.
const LOADS: [Load; 2] = [(400, 8, 100), (10_000, 32, 1)];
/// Longer than any load takes.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run() -> Report {
    for (url, when) in bullmq_redis() {
        queue::sync(&url, when).await;
    }
    let contenders = contenders();
    let mut receivers = Vec::new();
    for contender in &contenders {
        let receiver = contender.start_receiver().await;
        // Node compiles what is called often: nobody is measured before that.
        for (deliveries, connections, batch) in LOADS {
            posted(&receiver, requests(deliveries / 2, batch), connections).await;
        }
        receivers.push(receiver);
    }
    let mut report = Report::on(machine::servers(Scale::Full).await);
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for (kind, load) in LOADS.into_iter().enumerate() {
            for turn in order(round, contenders.len()) {
                let contender = &contenders[turn];
                report.add(contender.rows[kind], received(contender, &receivers[turn], load).await);
            }
        }
        for turn in order(round, contenders.len()) {
            let contender = &contenders[turn];
            report.add(contender.rows[LOADS.len()], worked(contender).await);
        }
    }
    for receiver in receivers {
        receiver.stop().await;
    }
    let rows: Vec<_> = contenders.iter().map(|contender| contender.rows).collect();
    report.print_peers(&rows);
    report
}

/// Whose turn it is in a round: nobody has the same place twice, or always follows the same one.
fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    if round.is_multiple_of(2) {
        order.reverse();
    } else {
        order.rotate_left((round - 1) % count);
    }
    order
}

/// A load for a receiver, whose events must be in its queue afterwards.
async fn received(contender: &Contender, receiver: &Process, load: Load) -> Sample {
    let (deliveries, connections, batch) = load;
    let requests = requests(deliveries, batch);
    let events = deliveries * batch;
    let before = contender.queue.length().await;
    let spent = || [receiver.cpu(), own_cpu(), server_cpu(RABBITMQ), server_cpu(contender.redis)];
    let at_first = spent();
    let load = posted(receiver, requests, connections).await;
    let at_last = spent();
    let took =
        |which: usize| -> Option<Duration> { Some(at_last[which].saturating_sub(at_first[which])) };
    let mut sample = Sample::rate(events, load.took);
    sample.cpu = took(0);
    sample.load_cpu = took(1);
    sample.broker_cpu = took(2).filter(|_| on_rabbitmq(contender));
    sample.redis_cpu = took(3);
    sample.latency = Some(load.latency);
    let expected = before + events as u64;
    sample.lost = Some(expected.saturating_sub(contender.queue.settled(expected).await));
    sample
}

async fn posted(receiver: &Process, requests: Vec<Vec<u8>>, connections: usize) -> http::Load {
    tokio::time::timeout(PATIENCE, post(receiver.address, requests, connections))
        .await
        .expect("every delivery must be answered within two minutes")
}

/// A new worker takes all that waits. A tenth of it is its start.
async fn worked(contender: &Contender) -> Sample {
    let total = contender.queue.length().await;
    let worker = contender.start_worker().await;
    let mut sample = drained(&worker, total / 10..total, contender.redis).await;
    sample.broker_cpu = sample.broker_cpu.filter(|_| on_rabbitmq(contender));
    worker.stop().await;
    sample
}

fn on_rabbitmq(contender: &Contender) -> bool {
    matches!(contender.queue, Queue::RabbitMq { .. })
}
