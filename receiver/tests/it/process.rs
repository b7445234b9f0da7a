//! The receiver as an operator runs it: a process with an environment, signals and exit codes.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::answer::eventually;
use crate::delivery::{ORIGIN, SECRET, client};
use crate::fixture::{SHARDS, admin};

const PROGRAM: &str = env!("CARGO_BIN_EXE_receiver");

/// A running process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    log: mpsc::UnboundedReceiver<Value>,
    /// Lines passed over.
    passed: Vec<Value>,
    pub(crate) address: SocketAddr,
    pub(crate) admin_address: SocketAddr,
}

impl Process {
    /// Starts one and waits until it listens.
    pub(crate) async fn start(url: &str, prefix: &str, more: &[(&str, &str)]) -> Self {
        Self::run(command(&[("AMQP_URL", url), ("PREFIX", prefix)]), more).await
    }

    /// The same, with so many files that it may have open.
    pub(crate) async fn with_files(
        files: u32,
        url: &str,
        prefix: &str,
        more: &[(&str, &str)],
    ) -> Self {
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -n \"$1\" && exec \"$0\"", PROGRAM, &files.to_string()]);
        Self::run(sound(limited, &[("AMQP_URL", url), ("PREFIX", prefix)]), more).await
    }

    async fn run(mut command: Command, more: &[(&str, &str)]) -> Self {
        let mut child = command.envs(more.iter().copied()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, mut log) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut passed = Vec::new();
        let started = said(&mut log, &mut passed, "receiver started").await;
        let bound = |name: &str| started[name].as_str().unwrap().parse().unwrap();
        Self { child, log, passed, address: bound("listen"), admin_address: bound("admin") }
    }

    /// Waits until its broker takes messages.
    pub(crate) async fn ready(&self) {
        let client = client();
        eventually("ready", async || {
            let page = admin(&client, self.admin_address, "/readyz").await;
            (page.status == 200).then_some(())
        })
        .await;
    }

    /// Waits for a log line with this message.
    pub(crate) async fn said(&mut self, message: &str) -> Value {
        said(&mut self.log, &mut self.passed, message).await
    }

    /// Changes how many files it may have open from now on.
    pub(crate) fn limit_files(&self, files: u32) {
        let (pid, files) = (self.child.id().to_string(), format!("--nofile={files}:"));
        let changed = Command::new("prlimit").args(["--pid", &pid, &files]).status().unwrap();
        assert!(changed.success());
    }

    /// The most memory that it has had so far.
    pub(crate) fn memory_peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Sends SIGTERM again and again until the process has ended.
    pub(crate) async fn ended_by_more_signals(mut self) -> ExitStatus {
        let signalling = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                self.terminate();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), signalling).await.expect("it goes on")
    }

    /// Waits for the end of the process, at most 30 s.
    pub(crate) async fn ended(self) -> ExitStatus {
        self.ended_saying().await.0
    }

    /// The same, with all that it said and nobody asked for.
    pub(crate) async fn ended_saying(mut self) -> (ExitStatus, String) {
        let mut said = std::mem::take(&mut self.passed);
        let ending = async {
            while let Some(line) = self.log.recv().await {
                said.push(line);
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ending).await.expect("it goes on");
        let said = Value::Array(said).to_string();
        // Its standard error is closed, so this takes no time.
        (self.child.wait().unwrap(), said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn said(
    log: &mut mpsc::UnboundedReceiver<Value>,
    before: &mut Vec<Value>,
    message: &str,
) -> Value {
    let listening = async {
        while let Some(line) = log.recv().await {
            if line["message"] == message {
                return line;
            }
            before.push(line);
        }
        panic!("ended without saying {message:?}: {before:?}")
    };
    tokio::time::timeout(Duration::from_secs(30), listening)
        .await
        .unwrap_or_else(|_| panic!("does not say {message:?}"))
}

/// A process that is expected to end by itself.
pub(crate) async fn output(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = command(environment);
    command.args(arguments);
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

/// The program with a sound environment, which `environment` changes.
fn command(environment: &[(&str, &str)]) -> Command {
    sound(Command::new(PROGRAM), environment)
}

fn sound(mut command: Command, environment: &[(&str, &str)]) -> Command {
    command
        .env_clear()
        .env("LISTEN", "127.0.0.1:0")
        .env("ADMIN_LISTEN", "127.0.0.1:0")
        .env("PUBLIC_URL", ORIGIN)
        .env("HUBSPOT_CLIENT_SECRET", SECRET)
        .env("WORK_SHARDS", SHARDS.to_string())
        .envs(environment.iter().copied());
    command
}
