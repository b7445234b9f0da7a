//! What receivers tell on their admin listeners: whether they are ready, and which requests they
//! turned away last.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::join_all;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::addresses;

const PATIENCE: Duration = Duration::from_secs(3);
/// A hundred refusals are some 100 KiB.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// One receiver at this moment.
pub(in crate::console) struct ReceiverHealth {
    pub(in crate::console) address: String,
    /// Its parts, or why it cannot be asked.
    pub(in crate::console) ready: Result<Ready, String>,
    /// The last requests that it turned away, the latest first.
    pub(in crate::console) refused: Vec<Refused>,
}

/// As `/readyz` tells it.
#[derive(Debug, Default, Deserialize)]
pub(in crate::console) struct Ready {
    pub(in crate::console) ready: bool,
    #[serde(default)]
    pub(in crate::console) checks: BTreeMap<String, String>,
}

/// As `/rejections` tells it.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct Refused {
    pub(in crate::console) at_ms: i64,
    pub(in crate::console) reason: String,
    #[serde(default)]
    pub(in crate::console) method: String,
    #[serde(default)]
    pub(in crate::console) url: String,
    pub(in crate::console) clock_distance_ms: Option<i64>,
    #[serde(default)]
    pub(in crate::console) headers: Vec<String>,
    pub(in crate::console) hint: Option<String>,
}

/// The receivers to be asked.
pub(super) struct Receivers {
    addresses: Vec<String>,
    client: reqwest::Client,
}

impl Receivers {
    pub(super) fn new(addresses: Vec<String>) -> anyhow::Result<Self> {
        let client = shared::http_client::builder().timeout(PATIENCE).build()?;
        Ok(Self { addresses, client })
    }

    /// All of them, side by side.
    pub(super) async fn ask(&self) -> Vec<ReceiverHealth> {
        let asked = join_all(self.addresses.iter().map(|name| self.ask_all(name))).await;
        asked.into_iter().flatten().collect()
    }

    /// Every receiver that a name stands for; the name itself if it means nothing.
    async fn ask_all(&self, name: &str) -> Vec<ReceiverHealth> {
        let found = addresses::all_of(name).await;
        if found.len() < 2 {
            return vec![self.ask_one(name).await];
        }
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        join_all(found.iter().map(|address| self.ask_one(address))).await
    }

    async fn ask_one(&self, address: &str) -> ReceiverHealth {
        let (ready, refused) =
            tokio::join!(self.get(address, "readyz"), self.get(address, "rejections"));
        let ready = ready.map_err(|error| error.to_string());
        ReceiverHealth { address: address.to_owned(), ready, refused: refused.unwrap_or_default() }
    }

    async fn get<T: DeserializeOwned>(&self, address: &str, page: &str) -> anyhow::Result<T> {
        let url = format!("http://{address}/{page}");
        let mut answer = self.client.get(url).send().await.map_err(|_| no_answer())?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| no_answer())? {
            body.extend_from_slice(&chunk);
            anyhow::ensure!(body.len() <= MAX_BYTES, "it answers too much");
        }
        serde_json::from_slice(&body).context("what answers there is no receiver")
    }
}

fn no_answer() -> anyhow::Error {
    anyhow::anyhow!("no answer")
}
