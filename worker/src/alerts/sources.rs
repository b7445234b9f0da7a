//! Whose metrics are read: this process' own, and those of the addresses it was told. A name stands
//! for every process behind it. What comes from others is bounded: by its size, by the series that are
//! kept of it, and by how many are asked at once.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use prometheus_client::registry::Registry;

use super::exposition::{Labels, Sample, samples};
use super::history::History;
use super::rules::{FAMILIES, METRICS};
use crate::addresses;

const PATIENCE: Duration = Duration::from_secs(5);
/// Forty times what RabbitMQ or a worker with many handlers says.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most that is kept of one process; a worker has some hundred.
const MAX_SAMPLES: usize = 5_000;
/// Processes that are asked at once.
const AT_ONCE: usize = 8;
/// What was never asked successfully is taken for one of Hubline's.
const UNKNOWN: &str = "hubline-process";
/// What says nothing of its version is the broker.
const FOREIGN: &str = "rabbitmq";
/// By what a process of Hubline's says what it is.
const BUILD: &str = "hubline_build_info";

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

/// One process, and what it answered, if it did.
struct Read {
    instance: String,
    /// The name that stands for it.
    address: String,
    answer: Option<Answer>,
}

/// What rules can use of an answer.
struct Answer {
    job: String,
    samples: Vec<Sample>,
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

    /// Reads all of them into `history`. A process that has gone has no values any more; one that
    /// should be there and does not answer is not `up`.
    pub(super) async fn read(&mut self, history: &mut History, at_ms: i64) {
        let own = Read {
            instance: self.own.instance.clone(),
            address: self.own.instance.clone(),
            answer: Some(understood(&shared::metrics::encode(&self.own.registry))),
        };
        self.note(history, at_ms, own);
        for read in self.ask_all().await {
            self.note(history, at_ms, read);
            // Others have their turn meanwhile.
            tokio::task::yield_now().await;
        }
        history.end_unread(at_ms, |labels| labels.contains_key("instance"));
    }

    async fn ask_all(&self) -> Vec<Read> {
        let found = join_all(self.addresses.iter().map(|name| addresses::all_of(name))).await;
        let mut asking = Vec::new();
        for (name, found) in self.addresses.iter().zip(found) {
            if found.is_empty() {
                asking.push(ask(self.client.clone(), name.clone(), None));
            }
            for address in found {
                asking.push(ask(self.client.clone(), name.clone(), Some(address)));
            }
        }
        stream::iter(asking).buffer_unordered(AT_ONCE).collect().await
    }

    fn note(&mut self, history: &mut History, at_ms: i64, read: Read) {
        let Read { instance, address, answer } = read;
        let up = f64::from(u8::from(answer.is_some()));
        let samples = answer.map_or_else(Vec::new, |answer| {
            self.jobs.insert(address.clone(), answer.job);
            answer.samples
        });
        let job = self.jobs.get(&address).map_or(UNKNOWN, String::as_str);
        let named = |mut labels: Labels| {
            labels.insert("job".to_owned(), job.to_owned());
            labels.insert("instance".to_owned(), instance.clone());
            labels
        };
        history.add("up", named(Labels::new()), at_ms, up);
        for Sample { name, labels, value } in samples {
            history.add(&name, named(labels), at_ms, value);
        }
    }
}

/// Asks one process that `name` stands for; there is none if it has no address.
async fn ask(client: reqwest::Client, name: String, address: Option<SocketAddr>) -> Read {
    let instance = address.map_or_else(|| name.clone(), |address| address.to_string());
    let answer = match address {
        Some(address) => get(&client, address).await,
        None => None,
    };
    Read { instance, address: name, answer }
}

async fn get(client: &reqwest::Client, address: SocketAddr) -> Option<Answer> {
    let asking = client.get(format!("http://{address}/metrics")).send();
    let mut answer = asking.await.ok()?.error_for_status().ok()?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BYTES {
            let address = address.to_string();
            tracing::warn!(address, "metrics of a source are too large, and not read");
            return None;
        }
    }
    let answer = understood(std::str::from_utf8(&body).ok()?);
    if answer.samples.len() == MAX_SAMPLES {
        let address = address.to_string();
        tracing::warn!(address, "metrics of a source are too many, and not all read");
    }
    Some(answer)
}

/// What rules can use, and as what a scrape configuration would know the process.
fn understood(text: &str) -> Answer {
    let mut job = FOREIGN.to_owned();
    let wanted = samples(text, is_wanted).filter(|sample| {
        if sample.name == BUILD {
            let program = sample.labels.get("program").map_or("process", String::as_str);
            job = format!("hubline-{program}");
            return false;
        }
        sample.labels.get("le").is_none_or(|bound| bound == "1.0")
    });
    let samples = wanted.take(MAX_SAMPLES).collect();
    Answer { job, samples }
}

fn is_wanted(name: &str) -> bool {
    name == BUILD
        || METRICS.contains(&name)
        || FAMILIES.iter().any(|family| name.starts_with(family))
}
