//! What one tenant's trouble is to all others: a hundred tenants send as they always do, and one of them sends
//! ten times its share, or its destination hangs. Counted is when the others' events arrive, from when each was
//! due.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::destinations::Destinations;
use super::file::{File, portal};
use super::setting::{Measured, Setting};
use crate::pipeline::http::{post_on_schedule, requests_of};
use crate::pipeline::process::{Process, own_cpu, server_cpu};
use crate::pipeline::report::{Percentiles, Report, Sample};
use crate::pipeline::roles::RETRY_ATTEMPTS;
use crate::pipeline::rounds::{RABBITMQ, REDIS};
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

/// What servers that have just started take longer for is in nobody's row: the first one would have it all.
pub(super) async fn warm_up(scale: Scale, prefix: &str) {
    on_servers(scale, Trouble::None, &format!("{prefix}.warm")).await;
}

pub(super) async fn measure(scale: Scale, prefix: &str, report: &mut Report) {
    for (index, (trouble, [name, _])) in TROUBLES.into_iter().enumerate() {
        let prefix = format!("{prefix}.{index}");
        report.add(name, on_servers(scale, trouble, &prefix).await);
    }
    for (trouble, [_, name]) in TROUBLES {
        let street = Street::new(scale, trouble).await;
        let setting = Setting { file: &street.file, attempts: RETRY_ATTEMPTS };
        let sample =
            setting.in_one_process(async |intake, worker| street.measured(intake, worker).await);
        report.add(name, sample.await);
    }
}

async fn on_servers(scale: Scale, trouble: Trouble, prefix: &str) -> Sample {
    let street = Street::new(scale, trouble).await;
    let setting = Setting { file: &street.file, attempts: RETRY_ATTEMPTS };
    setting.on_servers(prefix, async |intake, worker| street.measured(intake, worker).await).await
}

/// The tenants, the first of which is in trouble.
struct Street {
    scale: Scale,
    trouble: Trouble,
    destinations: Destinations,
    file: File,
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
        let due = others
            .ids
            .clone()
            .enumerate()
            .map(|(index, id)| (id, others.begun + others.every.mul_f64(index as f64)));
        let since_due = arrivals.since_due(due);
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
