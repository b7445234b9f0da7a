//! A worker's admin listener, as a test reads it: its metrics and its readiness.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use worker::parts::Worker;

use super::within;

/// The admin listener of one worker, in this process or another.
pub(crate) struct Admin {
    address: String,
    client: reqwest::Client,
}

impl Admin {
    pub(crate) fn of(worker: &Worker) -> Self {
        Self::at(worker.admin_address())
    }

    pub(crate) fn at(address: impl fmt::Display) -> Self {
        // Nothing here is encrypted; the client wants to be told all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { address: address.to_string(), client: reqwest::Client::new() }
    }

    /// The text of a page.
    pub(crate) async fn get(&self, page: &str) -> String {
        let url = format!("http://{}/{page}", self.address);
        self.client.get(&url).send().await.unwrap().text().await.unwrap()
    }

    /// The sum of all series of `metric` that have one of `labels`; of all where none is given.
    pub(crate) async fn sum(&self, metric: &str, labels: &[&str]) -> u64 {
        let text = self.get("metrics").await;
        text.lines()
            .filter(|line| {
                line.strip_prefix(metric).is_some_and(|rest| rest.starts_with(['{', ' ']))
            })
            .filter(|line| labels.is_empty() || labels.iter().any(|label| line.contains(label)))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    /// Waits until that sum is `count` or more.
    pub(crate) async fn wait_for(&self, metric: &str, labels: &[&str], count: u64) {
        let reached = async {
            while self.sum(metric, labels).await < count {
                pause().await;
            }
        };
        within(&format!("{metric}{labels:?} at {count}"), reached).await;
    }

    /// Waits until the metrics have this line.
    pub(crate) async fn wait_for_line(&self, line: &str) {
        let found = async {
            while !self.get("metrics").await.lines().any(|found| found == line) {
                pause().await;
            }
        };
        within(line, found).await;
    }

    /// Waits until the worker says that it is ready.
    pub(crate) async fn wait_until_ready(&self) {
        self.wait_for_state("ready", |readiness| readiness["ready"] == true).await;
    }

    /// Waits until readiness says `state` of `part`, e.g. `down` of `redis`; whether it is
    /// ready must agree.
    pub(crate) async fn wait_for_part(&self, part: &str, state: &str) {
        self.wait_for_state(part, |readiness| {
            let found = readiness["checks"][part].as_str().unwrap_or_default();
            assert!(found == "up" || readiness["ready"] == false, "{readiness}");
            found.starts_with(state)
        })
        .await;
    }

    async fn wait_for_state(&self, what: &str, reached: impl Fn(&Value) -> bool) {
        let waiting = async {
            while !reached(&serde_json::from_str(&self.get("readyz").await).unwrap()) {
                pause().await;
            }
        };
        within(&format!("readiness: {what}"), waiting).await;
    }
}

/// A page has nothing to wait on; this is the poll of a test, not a delay.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}
