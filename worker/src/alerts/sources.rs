//! Whose metrics are read: this process' own, and those of the addresses it was told. A name stands
//! for every address that it resolves to.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use prometheus_client::registry::Registry;

use super::exposition::{Labels, Sample, samples};
use super::history::History;
use super::rules::{FAMILIES, METRICS};
use crate::addresses;

const PATIENCE: Duration = Duration::from_secs(5);
/// A broker with thousands of queues has some megabytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// What was never asked successfully is taken for one of Hubline's.
const UNKNOWN: &str = "hubline-process";
/// What says nothing of its version is the broker.
const FOREIGN: &str = "rabbitmq";

/// This process' own metrics, and how it is called.
pub(crate) struct Own {
    pub(crate) registry: Arc<Registry>,
    pub(crate) instance: String,
}

/// Everything that is read.
pub(crate) struct Sources {
    own: Own,
    addresses: Vec<String>,
    client: reqwest::Client,
    /// What each address turned out to be.
    jobs: HashMap<String, String>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// What one address answered, if it did.
struct Read {
    instance: String,
    /// The name that stands for it.
    address: String,
    text: Option<String>,
}

impl Sources {
    /// This process and `HOST:PORT` addresses.
    pub(crate) fn new(own: Own, mut addresses: Vec<String>) -> anyhow::Result<Self> {
        addresses.sort();
        addresses.dedup();
        addresses.retain(|address| *address != own.instance);
        let client = shared::http_client::builder().timeout(PATIENCE).build()?;
        Ok(Self { own, addresses, client, jobs: HashMap::new() })
    }

    /// Whether there is any but this process.
    pub(super) fn has_others(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Reads all of them, side by side, into `history`. A process that has gone has no values any
    /// more; one that should be there and does not answer is not `up`.
    pub(super) async fn read(&mut self, history: &mut History, at_ms: i64) {
        let asked = join_all(self.addresses.iter().map(|address| self.ask(address))).await;
        let own = Read {
            instance: self.own.instance.clone(),
            address: self.own.instance.clone(),
            text: Some(shared::metrics::encode(&self.own.registry)),
        };
        for read in asked.into_iter().flatten().chain([own]) {
            self.note(history, at_ms, &read);
        }
        history.end_unread(at_ms, |labels| labels.contains_key("instance"));
    }

    async fn ask(&self, address: &str) -> Vec<Read> {
        let read = |instance: String, text| Read { instance, address: address.to_owned(), text };
        let found = addresses::all_of(address).await;
        if found.is_empty() {
            return vec![read(address.to_owned(), None)];
        }
        let asking =
            found.into_iter().map(async |found| read(found.to_string(), self.get(found).await));
        join_all(asking).await
    }

    async fn get(&self, address: SocketAddr) -> Option<String> {
        let asking = self.client.get(format!("http://{address}/metrics")).send();
        let mut answer = asking.await.ok()?.error_for_status().ok()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.ok()? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                tracing::warn!(source.address = %address, "metrics of a source are too large, and not read");
                return None;
            }
        }
        String::from_utf8(body).ok()
    }

    fn note(&mut self, history: &mut History, at_ms: i64, read: &Read) {
        let found: Vec<Sample> =
            read.text.as_deref().map(|text| samples(text).collect()).unwrap_or_default();
        if read.text.is_some() {
            self.jobs.insert(read.address.clone(), job(&found));
        }
        let job = self.jobs.get(&read.address).map_or(UNKNOWN, String::as_str);
        let named = |mut labels: Labels| {
            labels.insert("job".to_owned(), job.to_owned());
            labels.insert("instance".to_owned(), read.instance.clone());
            labels
        };
        let up = f64::from(u8::from(read.text.is_some()));
        history.add("up", &named(Labels::new()), at_ms, up);
        for Sample { name, labels, value } in found.into_iter().filter(is_read) {
            history.add(&name, &named(labels), at_ms, value);
        }
    }
}

/// What answers so, as a scrape configuration would call it.
fn job(found: &[Sample]) -> String {
    let build = found.iter().find(|sample| sample.name == "hubline_build_info");
    match build.and_then(|build| build.labels.get("program")) {
        Some(program) => format!("hubline-{program}"),
        None => FOREIGN.to_owned(),
    }
}

fn is_read(sample: &Sample) -> bool {
    let name = sample.name.as_str();
    let is_wanted =
        METRICS.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family));
    is_wanted && sample.labels.get("le").is_none_or(|bound| bound == "1.0")
}
