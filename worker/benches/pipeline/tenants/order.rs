//! What it costs to keep the order of each record's events, and what a few records that fail are then to the
//! others: 10,000 records, each with two events, of which the second is due with the next delivery. Counted is when
//! events arrive, from when each was due, and never those of the one record in a hundred that may fail.

use std::time::{Duration, Instant};

use super::destinations::Destinations;
use super::file::{File, UNLIMITED, portal};
use super::setting::{Measured, Setting};
use crate::pipeline::http::{About, Load, post_on_schedule, requests_about};
use crate::pipeline::process::{Process, own_cpu, server_cpu};
use crate::pipeline::report::{Percentiles, Report, Sample};
use crate::pipeline::rounds::{RABBITMQ, REDIS, in_turn};
use crate::pipeline::scale::Scale;

const RECORDS: usize = 10_000;
/// Events of each.
const EVENTS: usize = 2;
/// Of each delivery, all of different records: 500 events a second.
const BATCH: usize = 10;
const EVERY: Duration = Duration::from_millis(20);
/// One record in so many may fail.
const FAILING: u64 = 100;
/// The first of them. As many digits as HubSpot's have, and a multiple of `FAILING`.
const FIRST: u64 = 267_448_860_000;
/// They change one after the other.
const BEGINNING_MS: u64 = 1_769_081_993_375;
/// Connections are open, and the worker knows its destination.
const BEFORE: Duration = Duration::from_secs(2);
const CONNECTIONS: usize = 64;
/// The others' events are there long before.
const PATIENCE: Duration = Duration::from_secs(60);
/// As many as there are if nobody says otherwise: what fails holds its record to the end.
const ATTEMPTS: &str = "10";

#[derive(Clone, Copy)]
struct Row {
    /// On servers, and in one process.
    names: [&'static str; 2],
    /// What stands with the route.
    route: &'static str,
    fails: bool,
}

const IN_ORDER: &str = "order = \"object\"";
const ROWS: [Row; 3] = [
    Row {
        names: ["10,000 records, no order", "10,000 records, no order, embedded"],
        route: "",
        fails: false,
    },
    Row {
        names: ["10,000 records, in order", "10,000 records, in order, embedded"],
        route: IN_ORDER,
        fails: false,
    },
    Row {
        names: [
            "10,000 records, in order, 1 % fail",
            "10,000 records, in order, 1 % fail, embedded",
        ],
        route: IN_ORDER,
        fails: true,
    },
];

pub(super) async fn measure(round: usize, scale: Scale, prefix: &str, report: &mut Report) {
    for (index, row) in in_turn(round, ROWS).into_iter().enumerate() {
        let run = Run::new(row, scale).await;
        let prefix = format!("{prefix}.order.{index}");
        let setting = run.setting();
        let sample =
            setting.on_servers(&prefix, async |intake, worker| run.measured(intake, worker).await);
        report.add(row.names[0], sample.await);
    }
    for row in in_turn(round, ROWS) {
        let run = Run::new(row, scale).await;
        let setting = run.setting();
        let sample =
            setting.in_one_process(async |intake, worker| run.measured(intake, worker).await);
        report.add(row.names[1], sample.await);
    }
}

struct Run {
    row: Row,
    scale: Scale,
    destinations: Destinations,
    file: File,
}

impl Run {
    async fn new(row: Row, scale: Scale) -> Self {
        let destinations = Destinations::start(1).await;
        let file = File::of(&destinations, UNLIMITED, row.route);
        Self { row, scale, destinations, file }
    }

    fn setting(&self) -> Setting<'_> {
        Setting { file: &self.file, attempts: ATTEMPTS }
    }

    async fn measured(&self, intake: &Process, worker: &Process) -> Measured {
        let arrivals = &self.destinations.arrivals;
        let before = self.scale.time(BEFORE).div_duration_f64(EVERY) as usize;
        // Of records that are none of those that are counted.
        let (warm, _) = posted(intake, before.max(1), RECORDS as u64).await;
        let mut missing = lacking(&warm, arrivals.settled(warm.iter().copied(), PATIENCE).await);
        if self.row.fails {
            self.destinations.fail_one_in(FAILING);
        }
        let spent = || [worker.cpu(), server_cpu(RABBITMQ), server_cpu(REDIS), own_cpu()];
        let (started, cpu) = (Instant::now(), spent());
        let deliveries = self.scale.count(RECORDS) / BATCH * EVENTS;
        let (ids, load) = posted(intake, deliveries, 0).await;
        let (took, cpu_now) = (started.elapsed(), spent());
        let all = (0..).zip(ids.iter().copied());
        let may_fail = |index: u64| record(index).is_multiple_of(FAILING);
        let others: Vec<(u64, u64)> = all.clone().filter(|(index, _)| !may_fail(*index)).collect();
        let of_others: Vec<u64> = others.iter().map(|(_, id)| *id).collect();
        let there = arrivals.settled(of_others.iter().copied(), PATIENCE).await;
        missing += lacking(&of_others, there);
        let due = others.into_iter().map(|(index, id)| {
            (id, load.begun + EVERY * u32::try_from(index as usize / BATCH).unwrap())
        });
        let mut sample = Sample::rate(ids.len(), took);
        let spent = |which: usize| Some(cpu_now[which].saturating_sub(cpu[which]));
        (sample.cpu, sample.broker_cpu) = (spent(0), spent(1));
        (sample.redis_cpu, sample.load_cpu) = (spent(2), spent(3));
        sample.latency = Some(Percentiles::of(arrivals.since_due(due)));
        sample.lost = Some(missing);
        let failing: Vec<u64> =
            all.filter(|(index, _)| may_fail(*index)).map(|(_, id)| id).collect();
        // Where nothing fails they are there as well.
        let patience = if self.row.fails { Duration::ZERO } else { PATIENCE };
        let there = arrivals.settled(failing.iter().copied(), patience).await;
        Measured { sample, not_arrived: lacking(&failing, there) }
    }
}

/// Posts so many deliveries, of records from this one on; the ids of their events in their order.
async fn posted(intake: &Process, deliveries: usize, first: u64) -> (Vec<u64>, Load) {
    let about =
        |index| About { object: FIRST + first + record(index), at_ms: BEGINNING_MS + index };
    let (requests, ids) = requests_about(&[portal(0)], deliveries, BATCH, about);
    let load = post_on_schedule(intake.address, requests, CONNECTIONS, EVERY).await;
    (ids.collect(), load)
}

/// The record of an event: each delivery has the first events of its records or the second ones of those before.
fn record(index: u64) -> u64 {
    let (batch, events) = (BATCH as u64, EVENTS as u64);
    index / (batch * events) * batch + index % batch
}

fn lacking(ids: &[u64], there: u64) -> u64 {
    ids.len() as u64 - there
}
