//! Posts deliveries signed as HubSpot signs them; what `worker send` and the demo send with.

use std::time::Duration;

use anyhow::Context as _;
use shared::clock::now_ms;
use shared::senders::hubspot::signature::{ClientSecret, Version, sign};

const TIMEOUT: Duration = Duration::from_secs(15);
const MAX_ANSWER_BYTES: usize = 4096;

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as text, at most a few KiB.
    pub body: String,
}

/// Posts signed deliveries to one receiver.
pub struct Poster {
    client: reqwest::Client,
    url: String,
    signed_url: String,
    secret: ClientSecret,
    version: Version,
}

impl Poster {
    /// A poster to `url` that signs for `signed_url`, or for `url` as `https`.
    pub fn new(
        url: &str,
        signed_url: Option<&str>,
        secret: ClientSecret,
        version: Version,
    ) -> anyhow::Result<Self> {
        let rest = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("https://"))
            .with_context(|| format!("--url {url}: write it with http:// or https://"))?;
        let signed_url = signed_url.map_or_else(|| format!("https://{rest}"), ToOwned::to_owned);
        let client = shared::http_client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { client, url: url.to_owned(), signed_url, secret, version })
    }

    /// Signs `body` as of now and posts it.
    pub async fn send(&self, body: Vec<u8>) -> anyhow::Result<Answer> {
        let timestamp = now_ms().to_string();
        let signature =
            sign(self.version, &self.secret, "POST", &self.signed_url, &body, &timestamp);
        let request = self.client.post(&self.url).header("content-type", "application/json");
        let request = match self.version {
            Version::V3 => request
                .header("x-hubspot-signature-v3", signature)
                .header("x-hubspot-request-timestamp", timestamp),
            version => request
                .header("x-hubspot-signature", signature)
                .header("x-hubspot-signature-version", version.to_string()),
        };
        let response =
            request.body(body).send().await.with_context(|| {
                format!("cannot post to {}: is the receiver running?", self.url)
            })?;
        let status = response.status().as_u16();
        let mut body = response.text().await.unwrap_or_default();
        body.truncate(body.floor_char_boundary(MAX_ANSWER_BYTES));
        Ok(Answer { status, body: body.trim_end().to_owned() })
    }
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poster").field("url", &self.url).finish_non_exhaustive()
    }
}
