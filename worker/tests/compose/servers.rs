//! The servers of compose.yaml outside containers: Debian's programs with compose's own configuration,
//! on a loopback address and with data of one test's own. Ended, with their data, when dropped.

mod postgres;
mod rabbitmq;
pub(crate) mod redis;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use self::rabbitmq::RabbitMq;
use crate::secrets::Secrets;

/// Each of them takes seconds; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const NEEDED: &str = "this runs compose.yaml's servers outside containers: install the packages \
                      rabbitmq-server, redis-server and postgresql";

/// RabbitMQ, Redis and PostgreSQL.
pub(crate) struct Servers {
    pub(crate) rabbitmq: RabbitMq,
    pub(crate) redis: Server,
    pub(crate) postgres: Server,
}

impl Servers {
    /// Starts them at `address`, which must be nobody else's: between the choice of a port and the server
    /// that listens there are seconds, in which another test could take it. Waits until each one's own
    /// health check says that it is well.
    pub(crate) fn start(secrets: &Secrets, address: &str) -> Self {
        let [at_redis, at_postgres, at_rabbitmq @ ..] = free::<6>(address);
        let mut rabbitmq = RabbitMq::start(secrets, at_rabbitmq);
        let redis = redis::start(secrets, at_redis);
        let postgres = postgres::start(secrets, at_postgres);
        rabbitmq.until_well();
        Self { rabbitmq, redis, postgres }
    }
}

/// One process and where it listens.
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    /// The signal after which it leaves nothing behind.
    ending: &'static str,
    pub(crate) address: SocketAddr,
    /// What goes with it.
    directory: Option<Directory>,
    log: PathBuf,
}

impl Server {
    /// A process that logs into a file of its own and is killed in the end.
    fn spawn(
        name: &'static str,
        mut command: Command,
        secrets: &Secrets,
        address: SocketAddr,
    ) -> Self {
        let log = secrets.directory().join(format!("{name}.log"));
        let written = std::fs::File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(written.try_clone().unwrap()).stderr(written);
        let child =
            command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}: {NEEDED}"));
        Self { name, child, ending: "KILL", address, directory: None, log }
    }

    /// Waits until its health check is content. Whoever ends will never be well.
    fn until_well(&mut self, mut check: impl FnMut() -> Result<String, String>) {
        let log = self.log.clone();
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        until_well(self.name, || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended with {}:\n{}", self.name, ended.unwrap(), said());
            check().map_err(|why| format!("{why}\n{}", said()))
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        // By its own name, and while it has not been waited for: nobody else can have this id.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Command::new("kill").args([&format!("-{}", self.ending), &pid]).status();
        }
        // PostgreSQL itself gives what it started 5 s before it kills it and tidies up.
        let _ = ended_within(&mut self.child, Duration::from_secs(20));
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop(self.directory.take());
    }
}

/// Goes when dropped, with all that is in it.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Standard output, or what went wrong.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!(
        "{command:?}: {}: {said}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    ))
}

/// How it ended, if it did within `limit`.
pub(crate) fn ended_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    loop {
        let ended = child.try_wait().ok().flatten();
        if ended.is_some() || begun.elapsed() >= limit {
            return ended;
        }
        // A child can be waited for, but not for so long only; this is the poll of a test, not a delay.
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a health check, which has nothing to wait on, is content.
pub(crate) fn until_well(name: &str, mut check: impl FnMut() -> Result<String, String>) {
    let begun = Instant::now();
    loop {
        match check() {
            Ok(_) => return,
            Err(why) => assert!(begun.elapsed() < PATIENCE, "{name}: {why}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The folder of the newest version's programs.
fn newest(folder: &str, program: &str) -> PathBuf {
    let versions = std::fs::read_dir(folder).into_iter().flatten();
    let programs = versions.map(|version| version.unwrap().path().join(program));
    let newest = programs.filter(|program| program.exists()).max();
    let newest = newest.unwrap_or_else(|| panic!("no {program} in {folder}: {NEEDED}"));
    newest.parent().map(Path::to_owned).unwrap()
}

/// Different ports that neither the kernel gives to anybody nor `scripts/services` chooses. Free on
/// `127.0.0.1` too, where RabbitMQ's name server always listens.
pub(crate) fn free<const N: usize>(address: &str) -> [SocketAddr; N] {
    let mut held = Vec::new();
    while held.len() < N {
        let candidate = rand::random_range(10_000..20_000);
        let both = [address, "127.0.0.1"].map(|at| TcpListener::bind((at, candidate)));
        if let [Ok(own), Ok(everyones)] = both {
            held.push((own, everyones));
        }
    }
    std::array::from_fn(|index| held[index].0.local_addr().unwrap())
}
