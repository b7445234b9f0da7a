//! A delivery as HubSpot sends it: a body, and signatures over what HubSpot calls.

use std::net::SocketAddr;
use std::time::Instant;

use reqwest::{Client, Method};
use shared::clock::now_ms;
use shared::senders::hubspot::signature::{ClientSecret, Version, sign};

use crate::answer::Answer;

pub(crate) const SECRET: &str = "live-s3cret-of-the-app";
pub(crate) const PREVIOUS_SECRET: &str = "previous-s3cret-of-the-app";
pub(crate) const ORIGIN: &str = "https://hooks.example.com";
pub(crate) const PATH: &str = "/webhooks/hubspot";

/// A delivery, signed with version 3 unless changed.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    body: Vec<u8>,
    secret: String,
    /// What is called, and signed unless `signed_uri` says otherwise.
    target: String,
    signed_uri: Option<String>,
    timestamp: String,
    version: Version,
    /// Replaces or (`None`) drops a header.
    changed: Vec<(String, Option<String>)>,
}

impl Delivery {
    pub(crate) fn new(body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            secret: SECRET.to_owned(),
            target: PATH.to_owned(),
            signed_uri: None,
            timestamp: now_ms().to_string(),
            version: Version::V3,
            changed: Vec::new(),
        }
    }

    pub(crate) fn secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    /// Path and query.
    pub(crate) fn target(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    pub(crate) fn signed_uri(mut self, uri: &str) -> Self {
        self.signed_uri = Some(uri.to_owned());
        self
    }

    pub(crate) fn timestamp(mut self, text: &str) -> Self {
        text.clone_into(&mut self.timestamp);
        self
    }

    /// Signed so many milliseconds from now.
    pub(crate) fn signed_at(self, distance_ms: i64) -> Self {
        self.timestamp(&(now_ms() + distance_ms).to_string())
    }

    pub(crate) fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.changed.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.changed.push((name.to_owned(), None));
        self
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn path_and_query(&self) -> &str {
        &self.target
    }

    pub(crate) fn signature(&self) -> String {
        let secret = ClientSecret::new(self.secret.clone()).unwrap();
        let uri = self.signed_uri.clone().unwrap_or_else(|| format!("{ORIGIN}{}", self.target));
        sign(self.version, &secret, "POST", &uri, &self.body, &self.timestamp)
    }

    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers = vec![own("content-type", "application/json")];
        match self.version {
            Version::V3 => {
                headers.push(own("x-hubspot-signature-v3", &self.signature()));
                headers.push(own("x-hubspot-request-timestamp", &self.timestamp));
            }
            old => {
                headers.push(own("x-hubspot-signature", &self.signature()));
                headers.push(own("x-hubspot-signature-version", &old.to_string()));
            }
        }
        for (name, value) in &self.changed {
            headers.retain(|(present, _)| present != name);
            headers.extend(value.iter().map(|value| own(name, value)));
        }
        headers
    }

    pub(crate) async fn send(&self, client: &Client, address: SocketAddr) -> Answer {
        self.try_send(client, address).await.unwrap()
    }

    /// An error is a connection that broke.
    pub(crate) async fn try_send(
        &self,
        client: &Client,
        address: SocketAddr,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = client.request(Method::POST, format!("http://{address}{}", self.target));
        for (name, value) in self.headers() {
            request = request.header(name, value);
        }
        read(request.body(self.body.clone())).await
    }
}

/// Sends a request and reads the answer whole.
pub(crate) async fn read(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let started = Instant::now();
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.text().await?;
    Ok(Answer { status, headers, body, took: started.elapsed() })
}

/// A client of a test's own: connections belong to the runtime that made them.
pub(crate) fn client() -> Client {
    // A second installation is refused, and that is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
