//! Everything in one process on one file, end to end: from the first delivery posted to the last
//! event done, beside what the disk itself can sync.

use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::http::{SECRET, post, requests};
use crate::process::Process;
use crate::report::{Report, Sample};
use crate::rounds::metric;

const ROUNDS: usize = 3;
/// Deliveries, over how many connections, and the events of each.
const LOADS: [(&str, (usize, usize, usize)); 5] = [
    ("embedded, 100-event deliveries, 8 connections", (300, 8, 100)),
    ("embedded, 1-event deliveries, 1 connection", (500, 1, 1)),
    ("embedded, 1-event deliveries, 8 connections", (3000, 8, 1)),
    ("embedded, 1-event deliveries, 32 connections", (8000, 32, 1)),
    ("embedded, 1-event deliveries, 128 connections", (12_000, 128, 1)),
];
const SYNCS: usize = 1000;

pub(crate) async fn run() {
    // Beside the build's output: a disk, where a temporary directory may be memory.
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-embedded");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let data = directory.join("data");
    let environment = [
        ("DATA_DIR", data.to_str().unwrap()),
        ("HUBSPOT_CLIENT_SECRET", SECRET),
        ("PUBLIC_URL", "https://bench.example.com"),
    ];
    let mut report = Report::default();
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        report.add("disk, 4 KiB written and synced", synced(&directory.join("sync")));
        let _ = fs::remove_dir_all(&data);
        let process = Process::start("standalone", &environment).await;
        report.idle_mib = report.idle_mib.max(process.resident_mib());
        let mut done = 0;
        for (name, (deliveries, connections, batch)) in LOADS {
            let requests = requests(deliveries, batch);
            let (cpu, commits) = (process.cpu(), commits(&process).await);
            let started = Instant::now();
            let load = post(process.address, requests, connections).await;
            done += deliveries * batch;
            until_done(&process, done as u64).await;
            let mut sample = Sample::rate(deliveries * batch, started.elapsed());
            sample.cpu = Some(process.cpu().saturating_sub(cpu));
            sample.latency = Some(load.percentiles());
            sample.syncs = Some((self::commits(&process).await - commits) as usize);
            report.add(name, sample);
        }
        report.standalone_peak_mib = report.standalone_peak_mib.max(process.peak_mib());
    }
    let _ = fs::remove_dir_all(&directory);
    report.print_embedded();
}

/// What a file of its own takes on this disk: as SQLite's log is written, a page and a sync.
fn synced(path: &Path) -> Sample {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(path).unwrap();
    let page = [0x5a; 4096];
    // Written before, so that no sync has to write a new size as well.
    for _ in 0..SYNCS {
        file.write_all(&page).unwrap();
    }
    file.sync_all().unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let started = Instant::now();
    for _ in 0..SYNCS {
        file.write_all(&page).unwrap();
        file.sync_data().unwrap();
    }
    Sample::rate(SYNCS, started.elapsed())
}

async fn until_done(process: &Process, total: u64) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while metric(process, "verdict=\"succeeded\"").await < total {
        assert!(Instant::now() < deadline, "not done within two minutes");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn commits(process: &Process) -> u64 {
    metric(process, "hubline_store_commit_seconds_count").await
}
