//! Who is measured: Hubline, and what a good Node engineer would write instead. Each is a receiver
//! and a worker with a queue between them.

use shared::testing::{amqp_url, prefix, redis_url};

use crate::pipeline::http::SECRET;
use crate::pipeline::process::Process;
use crate::pipeline::queue::Queue;
use crate::pipeline::raw::PREFETCH;
use crate::pipeline::rounds::REDIS;

/// How a program is started.
#[derive(Clone, Copy)]
enum Program {
    /// This binary, in a role.
    Hubline(&'static str),
    /// A file among the peers.
    Node(&'static str),
}

pub(super) struct Contender {
    /// What it is called with deliveries of 100 events, of one, and as a worker.
    pub(super) rows: [&'static str; 3],
    receiver: Program,
    worker: Program,
    /// Between the two.
    pub(super) queue: Queue,
    /// Names the file with the process id of its Redis.
    pub(super) redis: &'static str,
    environment: Vec<(&'static str, String)>,
}

impl Contender {
    pub(super) async fn start_receiver(&self) -> Process {
        self.start(self.receiver).await
    }

    pub(super) async fn start_worker(&self) -> Process {
        self.start(self.worker).await
    }

    async fn start(&self, program: Program) -> Process {
        let pairs = self.environment.iter().map(|(name, value)| (*name, value.as_str()));
        let environment: Vec<(&str, &str)> = pairs.collect();
        match program {
            Program::Hubline(role) => Process::start(role, &environment).await,
            Program::Node(file) => Process::node(file, &environment).await,
        }
    }
}

/// The Redis servers of BullMQ, each with its own: where it is, and when it syncs.
pub(super) fn bullmq_redis() -> [(String, &'static str); 2] {
    [("HUBLINE_BENCH_EVERYSEC_URL", "everysec"), ("HUBLINE_BENCH_ALWAYS_URL", "always")]
        .map(|(name, when)| (std::env::var(name).expect("run it by `scripts/bench peers`"), when))
}

/// All of them, Hubline first.
pub(super) fn contenders() -> Vec<Contender> {
    let prefix = prefix();
    let [(everysec, _), (always, _)] = bullmq_redis();
    let hubline = Contender {
        rows: [
            "Hubline, 100-event deliveries",
            "Hubline, 1-event deliveries",
            "Hubline, worker that does nothing",
        ],
        receiver: Program::Hubline("receiver"),
        worker: Program::Hubline("worker"),
        queue: Queue::RabbitMq { url: amqp_url(), name: format!("{prefix}.work.0") },
        redis: REDIS,
        environment: environment(&prefix, redis_url()),
    };
    let amqplib = Contender {
        rows: [
            "Fastify + amqplib, 100-event deliveries",
            "Fastify + amqplib, 1-event deliveries",
            "amqplib, worker that does nothing",
        ],
        receiver: Program::Node("fastify-amqplib.js"),
        worker: Program::Node("amqplib-worker.js"),
        queue: Queue::RabbitMq { url: amqp_url(), name: queue_of_peers(&prefix) },
        redis: REDIS,
        environment: environment(&prefix, redis_url()),
    };
    let everysec_rows = [
        "Express + BullMQ, AOF everysec, 100-event deliveries",
        "Express + BullMQ, AOF everysec, 1-event deliveries",
        "BullMQ, AOF everysec, worker that does nothing",
    ];
    let always_rows = [
        "Express + BullMQ, AOF always, 100-event deliveries",
        "Express + BullMQ, AOF always, 1-event deliveries",
        "BullMQ, AOF always, worker that does nothing",
    ];
    vec![
        hubline,
        amqplib,
        bullmq(&prefix, everysec_rows, everysec, "HUBLINE_BENCH_EVERYSEC_PID_FILE"),
        bullmq(&prefix, always_rows, always, "HUBLINE_BENCH_ALWAYS_PID_FILE"),
    ]
}

fn bullmq(prefix: &str, rows: [&'static str; 3], url: String, pid_file: &'static str) -> Contender {
    Contender {
        rows,
        receiver: Program::Node("express-bullmq.js"),
        worker: Program::Node("bullmq-worker.js"),
        queue: Queue::BullMq { url: url.clone(), name: queue_of_peers(prefix) },
        redis: pid_file,
        environment: environment(prefix, url),
    }
}

fn queue_of_peers(prefix: &str) -> String {
    format!("{prefix}.peer")
}

/// What they are told, Hubline as in its other rounds.
fn environment(prefix: &str, redis: String) -> Vec<(&'static str, String)> {
    vec![
        ("AMQP_URL", amqp_url()),
        ("REDIS_URL", redis),
        ("PREFIX", prefix.to_owned()),
        ("QUEUE", queue_of_peers(prefix)),
        // One quorum queue is one core of the broker: on both sides of the comparison.
        ("WORK_SHARDS", "1".to_owned()),
        ("HUBSPOT_CLIENT_SECRET", SECRET.to_owned()),
        ("PUBLIC_URL", "https://bench.example.com".to_owned()),
        ("RETRY_ATTEMPTS", "2".to_owned()),
        ("CONCURRENCY", PREFETCH.to_string()),
    ]
}
