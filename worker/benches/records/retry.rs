//! A bulk retry by the program itself, beside a worker, and the memory of both.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use secrecy::ExposeSecret as _;
use shared::message::Message;
use shared::testing::redis_url;
use worker::parts::records::dead_letters::{DeadLetters, Filter, State};

use super::letters::{index, letter};
use super::{Setting, per_second};

pub(crate) async fn measure(count: u64) {
    println!("# a retry of {count} letters");
    let setting = Setting::new().await;
    let letters = DeadLetters::new(setting.records.clone());
    index(&setting.queues, &letters, count, for_a_handler).await;
    let mut worker = Ended(command(&setting, &["run"]).spawn().unwrap());
    let started = Instant::now();
    let arguments = ["dead-letters", "retry", "--all", "--yes", "--rate", "0"];
    let mut retry = Ended(command(&setting, &arguments).spawn().unwrap());
    let (mut peak_retry, mut peak_worker) = (0, 0);
    while retry.0.try_wait().unwrap().is_none() {
        peak_retry = peak_retry.max(peak_kib(&retry.0));
        peak_worker = peak_worker.max(peak_kib(&worker.0));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let resolved = async || {
        let filter = Filter { state: Some(State::Resolved), ..Filter::default() };
        u64::try_from(letters.count(&filter).await.unwrap()).unwrap()
    };
    while resolved().await < count {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    println!(
        "retried and resolved at {:.0} a second; peak memory: the retry {} MiB, the worker {} MiB",
        per_second(count, started.elapsed()),
        peak_retry / 1024,
        peak_worker / 1024
    );
    worker.0.kill().unwrap();
    worker.0.wait().unwrap();
    drop(letters);
    setting.end().await;
}

/// Ended with the measurement, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(setting: &Setting, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command
        .env_clear()
        .env("DATABASE_URL", setting.database.url())
        .env("AMQP_URL", setting.broker.amqp_url.expose_secret())
        .env("REDIS_URL", redis_url())
        .env("PREFIX", &setting.broker.prefix)
        .env("WORK_SHARDS", "1")
        .env("ADMIN_LISTEN", "127.0.0.1:0")
        .env("LOG_LEVEL", "warn")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::inherit());
    command
}

/// One that does nothing where Slack is not configured.
fn for_a_handler(id: u64) -> Message {
    Message { target: Some("on_deal_created".to_owned()), ..letter(id) }
}

fn peak_kib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
