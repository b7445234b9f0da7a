//! The one way out to tenants' destinations: one request over HTTP, and what came back of it. Those that are
//! databases are called by a part of it.
//!
//! Owns connections, timeouts, the bound on answers and what a failure to get one means. An address is
//! looked at before each request, and a name gets only connections to what may be called. It follows no
//! redirect, keeps no cookie, and repeats no address in an error: one may be a secret.

mod answered;
mod proxied;
mod secrets;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Proxy, Url};
use shared::trace::{KeyValue, Span, SpanKind, number};

use super::databases::Databases;
use super::http::{causes, class, plain, retry_after};
use crate::destination::Answer;
use crate::destination::address::{Allow, Guarded, Refused, check};
use crate::error::HandlerError;
use crate::metrics::{ApiStatus, WorkerMetrics};
use crate::service::Service;
use crate::tenants::Timeouts;
use answered::{SAID, read};

pub(crate) use answered::{Answered, beginning};
pub(crate) use secrets::secrets;

/// Every destination's way out.
pub(crate) struct Destinations {
    /// By the longest time to get a connection: a client has one.
    clients: Mutex<HashMap<Duration, Client>>,
    allow: Arc<Allow>,
    proxy: Option<Url>,
    metrics: WorkerMetrics,
    pub(crate) databases: Databases,
}

/// Leaves out the proxy, which may hold a password.
impl std::fmt::Debug for Destinations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Destinations").field("allow", &self.allow).finish_non_exhaustive()
    }
}

/// A request as it goes out.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) timeouts: Timeouts,
    /// What of it is in nothing that is shown of the answer.
    pub(crate) secrets: Cow<'a, [String]>,
}

impl Destinations {
    /// Calls nobody yet. With a `proxy` that one resolves names, and has to see to it itself which it calls.
    pub(crate) fn new(
        allow: Allow,
        proxy: Option<Url>,
        metrics: WorkerMetrics,
    ) -> anyhow::Result<Self> {
        metrics.expect_calls(Service::Destination);
        let (clients, allow) = (Mutex::default(), Arc::new(allow));
        let databases = Databases::new(Arc::clone(&allow), metrics.clone());
        let destinations = Self { clients, allow, proxy, metrics, databases };
        // Found out at the start rather than by the first event.
        destinations.client(Timeouts::default().connect)?;
        Ok(destinations)
    }

    /// Sends it and reads the answer, whatever its status.
    pub(crate) async fn send(&self, outgoing: Outgoing<'_>) -> Result<Answered, HandlerError> {
        check(outgoing.url, &self.allow).map_err(refusal)?;
        let client = self.client(outgoing.timeouts.connect).map_err(|error| {
            HandlerError::transient(Service::Destination.code("CLIENT"), format!("{error:#}"))
        })?;
        let Outgoing { method, url, headers, body, timeouts, secrets } = outgoing;
        let span = Span::current().child(SpanKind::Client, || {
            let mut attributes = vec![KeyValue::new("api", Service::Destination.as_str())];
            attributes.push(KeyValue::new("http.request.method", method.as_str().to_owned()));
            (method.as_str().to_owned().into(), attributes)
        });
        let started = Instant::now();
        let count = |status| {
            self.metrics.api_call(Service::Destination, status, started.elapsed());
        };
        let request = client.request(method.clone(), url.clone()).headers(headers).body(body);
        let sending = request.timeout(timeouts.whole).send();
        let response = match tokio::time::timeout(timeouts.first_byte, sending).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_timeout() && error.is_connect() => {
                count(ApiStatus::Timeout);
                span.fail("timeout");
                return Err(too_slow("has no connection to offer", rounded(timeouts.connect)));
            }
            Ok(Err(error)) if error.is_timeout() => {
                count(ApiStatus::Timeout);
                span.fail("timeout");
                return Err(too_slow("did not answer", timeouts.whole));
            }
            Err(_) => {
                count(ApiStatus::Timeout);
                span.fail("timeout");
                return Err(too_slow("did not answer", timeouts.first_byte));
            }
            Ok(Err(error)) => {
                count(ApiStatus::Unreachable);
                span.fail("unreachable");
                return Err(self.unreachable(url, error));
            }
        };
        let status = response.status();
        span.say(|| vec![number("http.response.status_code", status.as_u16())]);
        if !status.is_success() {
            span.fail(status.as_str());
        }
        let retry_after = retry_after::of(response.headers(), std::time::SystemTime::now());
        let from_proxy =
            self.proxy.is_some() && proxied::is_proxys(url, status, response.headers());
        let (body, is_whole) = read(response).await;
        count(class(status));
        let answer = Answer { status: status.as_u16(), retry_after, from_proxy };
        Ok(Answered { answer, beginning: beginning(&body, &secrets), body, is_whole })
    }

    /// So many events go out in one request.
    pub(crate) fn batch_of(&self, events: usize) {
        self.metrics.destination_batch(events);
    }

    fn client(&self, connect: Duration) -> anyhow::Result<Client> {
        let connect = rounded(connect);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&connect) {
            return Ok(client.clone());
        }
        let mut builder = shared::http_client::builder()
            .connect_timeout(connect)
            .user_agent(concat!("hubline/", env!("CARGO_PKG_VERSION")));
        match &self.proxy {
            Some(proxy) => builder = builder.proxy(Proxy::all(proxy.clone())?),
            None => builder = builder.dns_resolver(Guarded::new(Arc::clone(&self.allow))),
        }
        let client = builder
            .build()
            .map_err(reqwest::Error::without_url)
            .context("cannot call destinations over TLS: are CA certificates installed?")?;
        clients.insert(connect, client.clone());
        Ok(client)
    }

    fn unreachable(&self, url: &Url, error: reqwest::Error) -> HandlerError {
        let error = error.without_url();
        if let Some(refused) = Refused::find_in(&error) {
            return refusal(*refused);
        }
        let is_connecting = error.is_connect();
        let why = causes(error);
        let (what, who) = if self.proxy.is_some() && proxied::is_before(url, is_connecting, &why) {
            ("PROXY", "the forward proxy (FORWARD_PROXY) gives no way to the destination")
        } else {
            ("UNREACHABLE", "the destination cannot be reached")
        };
        HandlerError::transient(
            Service::Destination.code(what),
            format!("{who}: {}", plain(&why, SAID)),
        )
    }
}

/// In tenths of a second, and no less: each other limit is a client of its own, with its connections.
fn rounded(connect: Duration) -> Duration {
    let tenths = connect.as_millis().div_ceil(100).max(1);
    Duration::from_millis(u64::try_from(tenths * 100).unwrap_or(u64::MAX))
}

/// The address is none that is called. Trying again cannot help: its owner has to change it.
fn refusal(refused: Refused) -> HandlerError {
    HandlerError::permanent(Service::Destination.code("REFUSED"), refused)
}

fn too_slow(what: &str, limit: Duration) -> HandlerError {
    let message = format!("the destination {what} within {} ms", limit.as_millis());
    HandlerError::transient(Service::Destination.code("TIMEOUT"), message)
}
