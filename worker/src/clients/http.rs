//! The one way out: a request to another system, its answer or a [`HandlerError`].
//!
//! Owns timeouts, the bound on answers, the metric, and what a failure to get an answer means; its
//! part `let_in` owns what becomes of a refused token. It follows no redirect, since the token would travel along, and uses no
//! system proxy. No address and no secret gets into an error: both may be one.

mod let_in;
mod rate;
mod reply;
pub(super) mod retry_after;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::{Client, Method, Request, RequestBuilder, Response, StatusCode, Url};
use shared::trace::{Description, KeyValue, Span, SpanKind, number};

use crate::credentials::{Credential, Token};
use crate::error::HandlerError;
use crate::metrics::{ApiStatus, WorkerMetrics};
pub(crate) use crate::service::Service;

pub(crate) use rate::Rate;
#[cfg(test)]
pub(crate) use reply::tests;
pub(crate) use reply::{Reply, plain};

/// Longest time to get a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Service {
    /// Answers are read up to here, in bytes: a batch of 100 contacts is well under it.
    fn max_body(self) -> usize {
        match self {
            Self::HubSpot => 1024 * 1024,
            Self::Slack | Self::Erp | Self::Onboarding | Self::Destination => 64 * 1024,
        }
    }
}

/// A system, where it is and how to be let in.
pub(crate) struct Api {
    service: Service,
    client: Client,
    base: Url,
    credential: Arc<Credential>,
    timeout: Duration,
    metrics: WorkerMetrics,
}

/// Leaves out everything that may hold a secret.
impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Api {
    pub(crate) fn new(
        service: Service,
        base: Url,
        credential: Credential,
        timeout: Duration,
        metrics: WorkerMetrics,
    ) -> anyhow::Result<Self> {
        let client = shared::http_client::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            .user_agent(concat!("hubline/", env!("CARGO_PKG_VERSION")));
        // Plain HTTP needs no certificates, and then their absence is no reason not to start.
        let client = if base.scheme() == "http" { client.tls_certs_only([]) } else { client };
        let client = client.build().map_err(reqwest::Error::without_url).with_context(|| {
            format!("cannot call {} over TLS: are CA certificates installed?", service.name())
        })?;
        metrics.expect_calls(service);
        let credential = Arc::new(credential);
        Ok(Self { service, client, base, credential, timeout, metrics })
    }

    /// The same system, and let in by something else.
    pub(crate) fn with(&self, credential: Credential) -> Self {
        Self {
            service: self.service,
            client: self.client.clone(),
            base: self.base.clone(),
            credential: Arc::new(credential),
            timeout: self.timeout,
            metrics: self.metrics.clone(),
        }
    }

    /// What is called.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// What lets us in.
    pub(crate) fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }

    /// The origin that is called, such as `https://api.hubapi.com`.
    pub(crate) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// Begins a request to `path`, which is put onto the base part by part, each escaped.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> RequestBuilder {
        let mut url = self.base.clone();
        // Only an address without a host refuses, and settings take no such.
        if let (false, Ok(mut parts)) = (path.is_empty(), url.path_segments_mut()) {
            parts.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.client.request(method, url)
    }

    /// Sends it with this token and reads the answer, whatever its status. Every call is counted,
    /// once, and a span of its own in a traced run.
    async fn call(
        &self,
        request: reqwest::Result<Request>,
        token: &Token,
    ) -> Result<Reply, HandlerError> {
        let started = Instant::now();
        let span = Span::current().child(SpanKind::Client, || self.describe(request.as_ref().ok()));
        let count = |status| self.metrics.api_call(self.service, status, started.elapsed());
        let sending = async {
            let mut request = request?;
            token.sign(&mut request);
            self.client.execute(request).await
        };
        match sending.await {
            Ok(response) => {
                let (status, class) = (response.status(), class(response.status()));
                span.say(|| vec![number("http.response.status_code", status.as_u16())]);
                if status.is_client_error() || status.is_server_error() {
                    span.fail(status.as_str());
                }
                let reply = self.read(response, token).await;
                count(class);
                // Taken for the API's word it would make an order of a sign-in, and a record gone
                // of a wrong path.
                let is_word = status.is_success() || status == StatusCode::NOT_FOUND;
                if is_word && reply.is_page() {
                    span.fail("page");
                    return Err(reply.bad("is a page for people: something in between answered"));
                }
                Ok(reply)
            }
            Err(error) if error.is_timeout() => {
                count(ApiStatus::Timeout);
                span.fail("timeout");
                let waited = self.timeout.as_millis();
                Err(HandlerError::transient(
                    self.service.code("TIMEOUT"),
                    format!("{} did not answer within {waited} ms", self.service.name()),
                ))
            }
            Err(error) => {
                count(ApiStatus::Unreachable);
                span.fail("unreachable");
                Err(HandlerError::transient(
                    self.service.code("UNREACHABLE"),
                    format!("{} cannot be reached: {}", self.service.name(), causes(error)),
                ))
            }
        }
    }

    /// As OpenTelemetry names a request. Its path is left out: it may be a secret.
    fn describe(&self, request: Option<&Request>) -> Description {
        let mut attributes = vec![KeyValue::new("api", self.service.as_str())];
        let Some(request) = request else { return ("HTTP".into(), attributes) };
        let method = request.method().as_str().to_owned();
        attributes.push(KeyValue::new("http.request.method", method.clone()));
        if let Some(host) = request.url().host_str() {
            attributes.push(KeyValue::new("server.address", host.to_owned()));
        }
        if let Some(port) = request.url().port_or_known_default() {
            attributes.push(number("server.port", port));
        }
        (method.into(), attributes)
    }

    /// Reads no more than is allowed. That the body broke off is kept for whoever needs the
    /// body: the status has arrived, and with it whether the other side did its work.
    async fn read(&self, mut response: Response, token: &Token) -> Reply {
        let mut bytes = Vec::new();
        let fault = loop {
            match response.chunk().await {
                Ok(None) => break None,
                Ok(Some(chunk)) if bytes.len() + chunk.len() > self.service.max_body() => {
                    break Some("is too long");
                }
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Err(error) if error.is_timeout() => break Some("did not end in time"),
                Err(_) => break Some("broke off"),
            }
        };
        Reply {
            service: self.service,
            status: response.status(),
            retry_after: retry_after::of(response.headers(), std::time::SystemTime::now()),
            rate: rate::of(response.headers()),
            body: fault.map_or(Ok(bytes), Err),
            secret: Some(token.secret().clone()),
        }
    }
}

pub(super) fn class(status: StatusCode) -> ApiStatus {
    match status.as_u16() {
        429 => ApiStatus::TooMany,
        ..300 => ApiStatus::Success,
        300..400 => ApiStatus::Redirect,
        400..500 => ApiStatus::Refused,
        500.. => ApiStatus::Failed,
    }
}

pub(super) fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
