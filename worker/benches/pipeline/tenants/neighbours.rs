//! What one tenant's trouble is to all others: a hundred tenants send as they always do, and one of them sends
//! ten times its share, or its destination hangs. Counted is when the others' events arrive, from when each was
//! due.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use shared::broker::Topology;
use shared::testing::Queues;

use super::destinations::Destinations;
use super::file::{File, portal};
use crate::pipeline::disk::Folder;
use crate::pipeline::embedded;
use crate::pipeline::http::{post_on_schedule, requests_of};
use crate::pipeline::process::{Process, own_cpu, server_cpu};
use crate::pipeline::report::{Percentiles, Report, Sample};
use crate::pipeline::roles::schedule;
use crate::pipeline::rounds::{RABBITMQ, REDIS, environment};
use crate::pipeline::scale::Scale;

const TENANTS: u16 = 100;
/// Each of the others sends two events a second.
const EACH_EVERY: Duration = Duration::from_millis(500);
/// A tenant's share is its rate, 1,000 events a minute if nobody says otherwise.
const SHARE_EVERY: Duration = Duration::from_millis(60);
/// Ten times its share comes as deliveries of ten events.
const FLOOD: usize = 10;
const TIME: Duration = Duration::from_secs(20);
/// Longer than what hangs is waited for: by then it has been given up at least once.
const BEFORE: Duration = Duration::from_secs(12);
const CONNECTIONS: usize = 64;
/// So few that each is used soon: the receiver closes those that say nothing.
const OF_ONE: usize = 4;
/// The others' events are there long before.
const PATIENCE: Duration = Duration::from_secs(60);
const COMES_BACK_WITHIN: Duration = Duration::from_secs(10);
/// As many as there are if nobody says otherwise.
const SHARDS: &str = "4";
/// What hangs fails as it should.
const QUIETLY: (&str, &str) = ("LOG_LEVEL", "error");

/// What the one tenant does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Floods,
    Hangs,
}

const TROUBLES: [(Trouble, [&str; 2]); 3] = [
    (Trouble::None, ["100 tenants, quiet", "100 tenants, quiet, embedded"]),
    (Trouble::Floods, ["100 tenants, one floods", "100 tenants, one floods, embedded"]),
    (Trouble::Hangs, ["100 tenants, one hangs", "100 tenants, one hangs, embedded"]),
];

pub(super) async fn measure(scale: Scale, prefix: &str, report: &mut Report) {
    for (index, (trouble, [name, _])) in TROUBLES.into_iter().enumerate() {
        report.add(name, on_servers(scale, trouble, &format!("{prefix}.{index}")).await);
    }
    for (trouble, [_, name]) in TROUBLES {
        report.add(name, in_one_process(scale, trouble).await);
    }
}

/// With queues of its own: what the one tenant leaves behind is in nobody's way afterwards.
async fn on_servers(scale: Scale, trouble: Trouble, prefix: &str) -> Sample {
    let street = Street::new(scale, trouble).await;
    let (amqp, redis) = (shared::testing::amqp_url(), shared::testing::redis_url());
    let environment = environment(&amqp, &redis, prefix);
    let own = street.file.environment();
    let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let more = [("WORK_SHARDS", SHARDS), QUIETLY];
    let environment = [&environment[..], &more, &own].concat();
    let worker = Process::start("worker", &environment).await;
    let receiver = Process::start("receiver", &environment).await;
    let mut measured = street.measured(&receiver, &worker).await;
    receiver.stop().await;
    worker.stop().await;
    let topology = Topology::new(prefix, SHARDS.parse().unwrap(), Some(&schedule()));
    let mut names: Vec<String> = topology.queues().map(|(name, _)| name).collect();
    // What moves on from there meanwhile is counted twice, rather than not at all.
    names.sort_by_key(|name| !name.contains(".retry."));
    let queues = Queues::connect(&amqp, prefix, topology).await;
    let left = waiting_in_queues(&queues, prefix, &names, measured.not_arrived).await;
    queues.delete_all().await;
    measured.left(left)
}

/// How many messages there are once it is `expected` or more; or when that takes too long: what a worker had
/// in hand comes back after a while.
async fn waiting_in_queues(queues: &Queues, prefix: &str, names: &[String], expected: u64) -> u64 {
    let deadline = Instant::now() + COMES_BACK_WITHIN;
    loop {
        let mut count = 0;
        for name in names {
            let name = name.strip_prefix(prefix).and_then(|name| name.strip_prefix('.'));
            count += u64::from(queues.ready(name.unwrap()).await);
        }
        if count >= expected || Instant::now() > deadline {
            return count;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn in_one_process(scale: Scale, trouble: Trouble) -> Sample {
    let (street, folder) = (Street::new(scale, trouble).await, Folder::new());
    let data = folder.path().join("data");
    let own = street.file.environment();
    let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let environment = embedded::environment(data.to_str().unwrap());
    let environment = [&environment[..], &[QUIETLY], &own].concat();
    let process = Process::start("standalone", &environment).await;
    let mut measured = street.measured(&process, &process).await;
    (measured.sample.broker_cpu, measured.sample.redis_cpu) = (None, None);
    process.stop().await;
    measured.left(waiting_in(&data))
}

/// Messages in a data file that nobody has open.
fn waiting_in(data: &Path) -> u64 {
    let file = data.join(shared::store::FILE);
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let count = "SELECT count(*) FROM message";
    connection.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap().cast_unsigned()
}

/// The tenants, the first of which is in trouble.
struct Street {
    scale: Scale,
    trouble: Trouble,
    destinations: Destinations,
    file: File,
}

/// The others' sample, and what is still to be counted of the first.
struct Measured {
    sample: Sample,
    not_arrived: u64,
}

impl Measured {
    /// With so many events of the first left where they wait.
    fn left(&mut self, left: u64) -> Sample {
        let mut sample = self.sample.clone();
        let lost = self.not_arrived.saturating_sub(left);
        sample.lost = sample.lost.map(|others| others + lost);
        sample
    }
}

impl Street {
    async fn new(scale: Scale, trouble: Trouble) -> Self {
        let destinations = Destinations::start(TENANTS).await;
        // Limits are those that tenants have if nobody says otherwise.
        let file = File::of(&destinations, "", "");
        Self { scale, trouble, destinations, file }
    }

    async fn measured(&self, intake: &Process, worker: &Process) -> Measured {
        // Connections are open, and the trouble has begun.
        let (before, time) = (self.scale.time(BEFORE), self.scale.time(TIME));
        if self.trouble == Trouble::Hangs {
            self.destinations.first_hangs();
        }
        let (warm, hot) = tokio::join!(self.others(intake, before), self.first(intake, before));
        let spent = || [worker.cpu(), server_cpu(RABBITMQ), server_cpu(REDIS), own_cpu()];
        let (started, cpu) = (Instant::now(), spent());
        let (others, first) = tokio::join!(self.others(intake, time), self.first(intake, time));
        let (arrivals, took, cpu_now) = (&self.destinations.arrivals, started.elapsed(), spent());
        let mut missing = 0;
        for ids in [warm.ids, others.ids.clone()] {
            missing += ids.end - ids.start - arrivals.settled(ids, PATIENCE).await;
        }
        let since_due = arrivals.since_due(others.ids.clone(), others.begun, others.every);
        let mut sample = Sample::rate((others.ids.end - others.ids.start) as usize, took);
        let spent = |which: usize| Some(cpu_now[which].saturating_sub(cpu[which]));
        (sample.cpu, sample.broker_cpu) = (spent(0), spent(1));
        (sample.redis_cpu, sample.load_cpu) = (spent(2), spent(3));
        sample.latency = Some(Percentiles::of(since_due));
        sample.lost = Some(missing);
        let of_first = [hot, first].into_iter().map(|sent| sent.ids);
        let not_arrived = of_first.map(|ids| ids.end - ids.start - arrivals.count(ids)).sum();
        Measured { sample, not_arrived }
    }

    /// All but the first, one after the other.
    async fn others(&self, intake: &Process, time: Duration) -> Sent {
        let portals: Vec<u64> = (1..TENANTS).map(portal).collect();
        let every = EACH_EVERY / u32::from(TENANTS - 1);
        sent(intake, &portals, (every, 1), (time, CONNECTIONS)).await
    }

    async fn first(&self, intake: &Process, time: Duration) -> Sent {
        let load = match self.trouble {
            Trouble::None => (EACH_EVERY, 1),
            Trouble::Floods => (SHARE_EVERY, FLOOD),
            Trouble::Hangs => (SHARE_EVERY, 1),
        };
        sent(intake, &[portal(0)], load, (time, OF_ONE)).await
    }
}

/// Events that were posted: when the first was due, and how often another was.
struct Sent {
    ids: Range<u64>,
    begun: Instant,
    every: Duration,
}

async fn sent(
    intake: &Process,
    portals: &[u64],
    (every, batch): (Duration, usize),
    (time, connections): (Duration, usize),
) -> Sent {
    let deliveries = (time.div_duration_f64(every) as usize).max(1);
    let (requests, ids) = requests_of(portals, deliveries, batch);
    let load = post_on_schedule(intake.address, requests, connections, every).await;
    Sent { ids, begun: load.begun, every }
}
