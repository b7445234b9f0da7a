//! `worker standalone` as a process that a test may kill.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::harness::within;

pub(super) const SECRET: &str = "standalone-s3cret";

/// A running process; killed when dropped.
pub(super) struct Process {
    child: Child,
    pub(super) address: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) console: SocketAddr,
}

/// The command, with nothing of this process' environment.
pub(super) fn command(data: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command
        .arg("standalone")
        .arg("--data")
        .arg(data)
        .env_clear()
        .env("LISTEN", "127.0.0.1:0")
        .env("ADMIN_LISTEN", "127.0.0.1:0")
        .env("CONSOLE_LISTEN", "127.0.0.1:0")
        .env("HUBSPOT_CLIENT_SECRET", SECRET)
        .env("LOG_FORMAT", "json")
        .env("RETRY_INITIAL", "20ms")
        .env("RETRY_MULTIPLIER", "2")
        .env("RETRY_ATTEMPTS", "6")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

impl Process {
    /// Starts one and waits until it takes deliveries.
    pub(super) async fn start(data: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = command(data, environment).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let starting = async {
            let mut said = String::new();
            while let Some(line) = log.next_line().await.unwrap() {
                let fields: Value = serde_json::from_str(&line).unwrap_or_default();
                if fields["message"] == "standalone started" {
                    return fields;
                }
                said += &line;
            }
            panic!("it ended: {said}");
        };
        let started = within("the start", starting).await;
        // Its log is read to the end, or a full pipe would hold it up.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        let address = |name: &str| started[name].as_str().unwrap().parse().unwrap();
        let (admin, console) = (address("admin"), address("console"));
        Self { child, address: address("listen"), admin, console }
    }

    /// SIGKILL, and waits until it is gone.
    pub(super) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM, and waits until it has ended.
    pub(super) async fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().unwrap();
        assert!(Command::new("kill").arg(pid.to_string()).status().await.unwrap().success());
        within("the end", self.child.wait()).await.unwrap()
    }
}

/// Runs one that is to end by itself: its exit code and what it said on standard error.
pub(super) async fn refused(data: &Path, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut child = command(data, environment).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut log = child.stderr.take().unwrap();
    within("its end", log.read_to_string(&mut said)).await.unwrap();
    (within("its end", child.wait()).await.unwrap().code(), said)
}
