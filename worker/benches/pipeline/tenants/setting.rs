//! Programs with a file of tenants, on servers and in one process, and what they leave behind: what goes neither
//! to a destination nor waits is lost.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use shared::broker::Topology;
use shared::testing::Queues;

use super::file::File;
use crate::pipeline::disk::Folder;
use crate::pipeline::embedded;
use crate::pipeline::process::Process;
use crate::pipeline::report::Sample;
use crate::pipeline::roles::schedule_of;
use crate::pipeline::rounds::environment;

const COMES_BACK_WITHIN: Duration = Duration::from_secs(10);
/// As many as there are if nobody says otherwise.
const SHARDS: &str = "4";
/// What hangs or fails does so as it should.
const QUIETLY: (&str, &str) = ("LOG_LEVEL", "error");

/// What they are told.
pub(super) struct Setting<'a> {
    pub(super) file: &'a File,
    /// How often an event is tried, on servers.
    pub(super) attempts: &'static str,
}

/// A sample, and how many events have not arrived that may wait yet.
pub(super) struct Measured {
    pub(super) sample: Sample,
    pub(super) not_arrived: u64,
}

impl Measured {
    /// With so many events left where they wait.
    fn left(self, left: u64) -> Sample {
        let Self { mut sample, not_arrived } = self;
        let lost = not_arrived.saturating_sub(left);
        sample.lost = sample.lost.map(|others| others + lost);
        sample
    }
}

impl Setting<'_> {
    /// With queues of its own: what is left behind is in nobody's way afterwards. `measured` is given the
    /// program that takes deliveries, and the one that has them sent.
    pub(super) async fn on_servers(
        &self,
        prefix: &str,
        measured: impl AsyncFnOnce(&Process, &Process) -> Measured,
    ) -> Sample {
        let (amqp, redis) = (shared::testing::amqp_url(), shared::testing::redis_url());
        let environment = environment(&amqp, &redis, prefix);
        let own = self.file.environment();
        let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let more = [("WORK_SHARDS", SHARDS), ("RETRY_ATTEMPTS", self.attempts), QUIETLY];
        let environment = [&environment[..], &more, &own].concat();
        let worker = Process::start("worker", &environment).await;
        let receiver = Process::start("receiver", &environment).await;
        let measured = measured(&receiver, &worker).await;
        receiver.stop().await;
        worker.stop().await;
        let schedule = schedule_of(self.attempts);
        let topology = Topology::new(prefix, SHARDS.parse().unwrap(), Some(&schedule));
        let mut names: Vec<String> = topology.queues().map(|(name, _)| name).collect();
        // What moves on from there meanwhile is counted twice, rather than not at all.
        names.sort_by_key(|name| !name.contains(".retry."));
        let queues = Queues::connect(&amqp, prefix, topology).await;
        let left = waiting_in_queues(&queues, prefix, &names, measured.not_arrived).await;
        queues.delete_all().await;
        measured.left(left)
    }

    /// The same on one file.
    pub(super) async fn in_one_process(
        &self,
        measured: impl AsyncFnOnce(&Process, &Process) -> Measured,
    ) -> Sample {
        let folder = Folder::new();
        let data = folder.path().join("data");
        let own = self.file.environment();
        let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let environment = embedded::environment(data.to_str().unwrap());
        let environment = [&environment[..], &[QUIETLY], &own].concat();
        let process = Process::start("standalone", &environment).await;
        let mut measured = measured(&process, &process).await;
        (measured.sample.broker_cpu, measured.sample.redis_cpu) = (None, None);
        process.stop().await;
        measured.left(waiting_in(&data))
    }
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

/// Messages in a data file that nobody has open.
fn waiting_in(data: &Path) -> u64 {
    let file = data.join(shared::store::FILE);
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let count = "SELECT count(*) FROM message";
    connection.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap().cast_unsigned()
}
