//! What another process sees: JSON on a worker's or a standalone's admin listener.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use serde::de::DeserializeOwned;

const PATIENCE: Duration = Duration::from_secs(3);
/// A thousand limits are some 300 KiB.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Asks a process for what it has at `path`.
pub(crate) async fn ask<T: DeserializeOwned>(admin: SocketAddr, path: &str) -> anyhow::Result<T> {
    let client = shared::http_client::builder().timeout(PATIENCE).build()?;
    let asked = client.get(format!("http://{admin}{path}")).send().await;
    let mut answer = asked.map_err(reqwest::Error::without_url).context("it does not answer")?;
    anyhow::ensure!(answer.status().is_success(), "what answers there runs no handlers");
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.context("its answer broke off")? {
        body.extend_from_slice(&chunk);
        anyhow::ensure!(body.len() <= MAX_BYTES, "it answers too much");
    }
    serde_json::from_slice(&body).context("what answers there is no worker")
}
