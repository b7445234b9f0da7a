//! `worker migrate` as an operator runs it: the program itself.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};

use secrecy::ExposeSecret as _;
use shared::retry::delay_name;
use shared::testing::redis_url;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::directory::Directory;
use crate::harness::{Rig, within};

/// A running one; killed when dropped.
pub(super) struct Program {
    process: Child,
    stdout: watch::Receiver<String>,
    stderr: watch::Receiver<String>,
}

/// What became of one.
#[derive(Debug)]
pub(super) struct Ended {
    /// The exit code, if no signal ended it.
    pub(super) code: Option<i32>,
    pub(super) was_killed: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Program {
    /// Starts it with the rig's settings; later flags win.
    pub(super) fn start(rig: &Rig, directory: &Directory, flags: &[&str]) -> Self {
        let (broker, retry) = (&rig.settings.broker, &rig.settings.processing.retry);
        let settings = [
            ("--to", broker.amqp_url.expose_secret().to_owned()),
            ("--redis-url", redis_url()),
            ("--prefix", broker.prefix.clone()),
            ("--work-shards", broker.work_shards.to_string()),
            ("--retry-initial", delay_name(retry.retry_initial)),
            ("--retry-multiplier", retry.retry_multiplier.to_string()),
            ("--retry-max", delay_name(retry.retry_max)),
            ("--retry-attempts", retry.retry_attempts.to_string()),
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.env_clear().args(["migrate", "--from"]).arg(directory.path());
        for (name, value) in settings {
            if !flags.contains(&name) {
                command.args([name, &value]);
            }
        }
        let mut process = command
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = listen(process.stdout.take().unwrap());
        let stderr = listen(process.stderr.take().unwrap());
        Self { process, stdout, stderr }
    }

    /// Runs it to its end.
    pub(super) async fn run(rig: &Rig, directory: &Directory, flags: &[&str]) -> Ended {
        Self::start(rig, directory, flags).ended().await
    }

    /// Waits until it has said `text` on standard error, where its log goes.
    pub(super) async fn logged(&self, text: &str) {
        let mut stderr = self.stderr.clone();
        let logged = within(text, stderr.wait_for(|said| said.contains(text))).await.is_ok();
        assert!(logged, "ended without `{text}`: {}", *self.stderr.borrow());
    }

    /// ^C.
    pub(super) async fn interrupt(&self) {
        let kill = format!("kill -INT {}", self.process.id().unwrap());
        let sent = Command::new("sh").args(["-c", &kill]).status().await.unwrap();
        assert!(sent.success());
    }

    /// SIGKILL, unless it has ended by now.
    pub(super) async fn kill(mut self) -> Ended {
        let _ = self.process.start_kill();
        self.ended().await
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    pub(super) async fn ended(mut self) -> Ended {
        let status: ExitStatus =
            within("the end of a migration", self.process.wait()).await.unwrap();
        for stream in [&mut self.stdout, &mut self.stderr] {
            while stream.changed().await.is_ok() {}
        }
        let (stdout, stderr) = (self.stdout.borrow().clone(), self.stderr.borrow().clone());
        Ended { code: status.code(), was_killed: status.signal() == Some(9), stdout, stderr }
    }
}

/// What comes out of `stream` so far; closed at its end.
fn listen(mut stream: impl AsyncRead + Send + Unpin + 'static) -> watch::Receiver<String> {
    let (said, heard) = watch::channel(String::new());
    tokio::spawn(async move {
        let mut buffer = vec![0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            said.send_modify(|said| said.push_str(&String::from_utf8_lossy(&buffer[..count])));
        }
    });
    heard
}
