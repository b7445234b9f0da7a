//! A program under test: start it, read its CPU time and memory, end it.

mod node;

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Clock ticks a second in `/proc`; 100 on every Linux that matters.
const TICKS: f64 = 100.0;

/// Names the role of a program under test; there only in one.
pub(crate) const ROLE: &str = "HUBLINE_BENCH_ROLE";
/// The test that is also the program, when this binary is the one in `worker/tests/bench`. The bench
/// itself looks at its environment alone.
const PROGRAM: &str = "every_row_of_one_process_has_a_figure_and_nothing_is_lost";
/// Before the addresses that a program says.
const LISTENS: &str = "program under test listens at ";
const LISTENERS: [&str; 3] = ["LISTEN", "ADMIN_LISTEN", "CONSOLE_LISTEN"];
const READY_WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Process {
    /// Starts this binary again in `role` and waits until it is ready.
    pub(crate) async fn start(role: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([PROGRAM, "--exact", "--nocapture"])
            .env(ROLE, role)
            .env("LOG_LEVEL", "warn")
            .envs(environment.iter().copied())
            .envs(LISTENERS.map(|listener| (listener, "127.0.0.1:0")))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let listens = listens(child.stdout.take().unwrap());
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // Before it is waited for, so that it ends if it is waited for in vain.
        let mut process = Self { child, address: nowhere, admin: nowhere };
        (process.address, process.admin) = tokio::time::timeout(READY_WITHIN, listens)
            .await
            .expect("the process must listen")
            .expect("the process must not end");
        let url = format!("http://{}/readyz", process.admin);
        let ready = async {
            loop {
                if reqwest::get(&url).await.is_ok_and(|answer| answer.status() == 200) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(READY_WITHIN, ready).await.expect("the process must become ready");
        process
    }

    /// Ends it as an operator would: by SIGTERM. What has not ended within five seconds is killed.
    pub(crate) async fn stop(mut self) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn cpu(&self) -> Duration {
        cpu(self.child.id())
    }

    /// The bytes that it has caused to be written to a disk; `None` where the kernel does not count.
    pub(crate) fn written(&self) -> Option<u64> {
        let io = std::fs::read_to_string(format!("/proc/{}/io", self.child.id())).ok()?;
        io.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.parse().ok()
    }

    /// The most memory it ever had resident, MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.memory_mib("VmHWM:")
    }

    /// What it has resident now, MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        self.memory_mib("VmRSS:")
    }

    fn memory_mib(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time of the server whose pid stands in the file that `variable` names.
pub(crate) fn server_cpu(variable: &str) -> Duration {
    let pid = std::env::var(variable).ok().and_then(|file| std::fs::read_to_string(file).ok());
    pid.and_then(|pid| pid.trim().parse().ok()).map(cpu).unwrap_or_default()
}

/// CPU time of this process: of whatever makes the load.
pub(crate) fn own_cpu() -> Duration {
    cpu(std::process::id())
}

/// CPU time of a process.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name may hold spaces; the numbers begin after its closing parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    Duration::from_secs_f64(ticks / TICKS)
}

/// A program says where it listens, since it takes the ports that are free.
pub(crate) fn say_listens(address: SocketAddr, admin: SocketAddr) {
    println!("{LISTENS}{address} {admin}");
}

/// What [`say_listens`] said. Reads on to the end, or what is logged would have nowhere to go.
fn listens(stdout: ChildStdout) -> oneshot::Receiver<(SocketAddr, SocketAddr)> {
    let (say, said) = oneshot::channel();
    std::thread::spawn(move || {
        let mut say = Some(say);
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // A test's name may stand in front of it.
            if let Some((_, addresses)) = line.split_once(LISTENS)
                && let Some((address, admin)) = addresses.split_once(' ')
                && let Some(say) = say.take()
            {
                let _ = say.send((address.parse().unwrap(), admin.parse().unwrap()));
            }
        }
    });
    said
}
