//! A program under test: start it, read its CPU time and memory, end it.

mod node;

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks a second in `/proc`; 100 on every Linux that matters.
const TICKS: f64 = 100.0;

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Process {
    /// Starts this binary in `role` and waits until it is ready.
    pub(crate) async fn start(role: &str, environment: &[(&str, &str)]) -> Self {
        let (address, admin) = (free_port(), free_port());
        let child = Command::new(std::env::current_exe().unwrap())
            .arg(role)
            .envs(environment.iter().copied())
            .env("LISTEN", address.to_string())
            .env("ADMIN_LISTEN", admin.to_string())
            .env("CONSOLE_LISTEN", "127.0.0.1:0")
            .env("LOG_LEVEL", "warn")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let process = Self { child, address, admin };
        let url = format!("http://{admin}/readyz");
        let ready = async {
            loop {
                if reqwest::get(&url).await.is_ok_and(|answer| answer.status() == 200) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), ready)
            .await
            .expect("the process must become ready");
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

/// CPU time of a process.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name may hold spaces; the numbers begin after its closing parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    Duration::from_secs_f64(ticks / TICKS)
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
