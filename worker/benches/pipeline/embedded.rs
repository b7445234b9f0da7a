//! Everything in one process on one file, end to end: from the first delivery posted to the last
//! event done, beside what the disk itself can sync. Its event log is written too.

use std::fs;
use std::time::{Duration, Instant};

use super::disk::Folder;
use super::http::{Load, SECRET, post, post_on_schedule, requests};
use super::machine::{SYNCS, data, machine};
use super::process::{Process, own_cpu};
use super::report::{Report, Sample};
use super::rounds::metric;
use super::scale::Scale;

/// Deliveries, over how many connections, and the events of each.
const LOADS: [(&str, (usize, usize, usize)); 5] = [
    ("embedded, 100-event deliveries, 8 connections", (300, 8, 100)),
    ("embedded, 1-event deliveries, 1 connection", (500, 1, 1)),
    ("embedded, 1-event deliveries, 8 connections", (3000, 8, 1)),
    ("embedded, 1-event deliveries, 32 connections", (8000, 32, 1)),
    ("embedded, 1-event deliveries, 128 connections", (12_000, 128, 1)),
];
/// A rate that one process holds: the events of a delivery, how often one comes, and for how long.
const STEADY: &str = "embedded, 50-event deliveries, 2,000 events/s";
const STEADY_EVENTS: usize = 50;
const STEADY_EVERY: Duration = Duration::from_millis(25);
const STEADY_TIME: Duration = Duration::from_secs(20);
const STEADY_CONNECTIONS: usize = 64;

/// The log is written four times a second, beside the work.
const LOG: Duration = Duration::from_millis(500);

pub(crate) async fn run(scale: Scale) -> Report {
    let folder = Folder::new();
    let data_directory = folder.path().join("data");
    let environment = environment(data_directory.to_str().unwrap());
    let mut report = Report::on(vec![machine(), data(&folder)]);
    for round in 1..=scale.rounds() {
        eprintln!("round {round} of {}", scale.rounds());
        report.add("disk, 4 KiB written and synced", folder.synced(scale.count(SYNCS)));
        let _ = fs::remove_dir_all(&data_directory);
        let process = Process::start("standalone", &environment).await;
        report.add_peak("standalone, idle", process.resident_mib());
        let mut measured = Measured { process, folder: &folder, done: 0 };
        for (name, (deliveries, connections, batch)) in LOADS {
            let deliveries = scale.count(deliveries);
            let requests = requests(deliveries, batch);
            let load = post(measured.process.address, requests, connections);
            let sample = measured.sample(deliveries * batch, load).await;
            report.add(name, sample);
        }
        let deliveries = scale.time(STEADY_TIME).div_duration_f64(STEADY_EVERY) as usize;
        let requests = requests(deliveries, STEADY_EVENTS);
        let address = measured.process.address;
        let load = post_on_schedule(address, requests, STEADY_CONNECTIONS, STEADY_EVERY);
        let sample = measured.sample(deliveries * STEADY_EVENTS, load).await;
        report.add(STEADY, sample);
        report.add_peak("standalone", measured.process.peak_mib());
    }
    report
}

/// What the process is told.
pub(crate) fn environment(data_directory: &str) -> [(&'static str, &str); 3] {
    [
        ("DATA_DIR", data_directory),
        ("HUBSPOT_CLIENT_SECRET", SECRET),
        ("PUBLIC_URL", "https://bench.example.com"),
    ]
}

/// One process, and what it has done.
pub(crate) struct Measured<'a> {
    pub(crate) process: Process,
    /// Where its data is.
    pub(crate) folder: &'a Folder,
    /// Events done so far.
    pub(crate) done: u64,
}

impl Measured<'_> {
    /// From the first delivery of `load` to the end of the last of so many events.
    pub(crate) async fn sample(
        &mut self,
        events: usize,
        load: impl Future<Output = Load>,
    ) -> Sample {
        let written = self.written();
        let (cpu, own, commits) = (self.process.cpu(), own_cpu(), self.commits().await);
        let started = Instant::now();
        let load = load.await;
        self.done += events as u64;
        let done = until_done(&self.process, self.done).await;
        let mut sample = Sample::rate(events, started.elapsed());
        sample.cpu = Some(self.process.cpu().saturating_sub(cpu));
        sample.load_cpu = Some(own_cpu().saturating_sub(own));
        sample.latency = Some(load.latency);
        sample.syncs = Some((self.commits().await - commits) as usize);
        sample.lost = Some(self.done.saturating_sub(done));
        // What is written of the log is this load's as well.
        tokio::time::sleep(LOG).await;
        sample.written = self.written().zip(written).map(|(now, before)| now - before);
        sample
    }

    fn written(&self) -> Option<u64> {
        self.folder.flush();
        self.process.written()
    }

    async fn commits(&self) -> u64 {
        metric(&self.process, "hubline_store_commit_seconds_count").await
    }
}

/// How many events are done, once it is `total`; or fewer, when that takes too long.
async fn until_done(process: &Process, total: u64) -> u64 {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let done = metric(process, "verdict=\"succeeded\"").await;
        if done >= total || Instant::now() > deadline {
            return done;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
