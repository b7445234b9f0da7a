//! How spans get to the collector: by the HTTP client that everything here uses. Knows the
//! headers that let it in; shows none of them.

use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::SpanExporter as _;
use reqwest::Url;
use reqwest::header::HeaderMap;

/// How long one batch may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What sends the spans of `service`.
pub(super) fn exporter(
    endpoint: &Url,
    headers: HeaderMap,
    service: &'static str,
) -> anyhow::Result<SpanExporter> {
    let client = crate::http_client::builder()
        .default_headers(headers)
        .connect_timeout(TIMEOUT)
        .timeout(TIMEOUT)
        .user_agent(concat!("hubline/", env!("CARGO_PKG_VERSION")));
    // Plain HTTP needs no certificates, and then their absence is no reason not to start.
    let client = if endpoint.scheme() == "http" { client.tls_certs_only([]) } else { client };
    let client = client.build().map_err(reqwest::Error::without_url).context(
        "OTEL_EXPORTER_OTLP_ENDPOINT cannot be called over TLS: are CA certificates installed?",
    )?;
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client(client))
        .with_endpoint(endpoint.as_str())
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(TIMEOUT)
        // Its waits would block the thread; and what comes meanwhile is worth more.
        .with_retry_policy(RetryPolicy::disabled())
        .build()
        .context("traces cannot be sent")?;
    exporter.set_resource(&resource(service));
    Ok(exporter)
}

/// Who sends them: of several of one kind, too, which.
fn resource(service: &'static str) -> Resource {
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new(
            "service.instance.id",
            format!("{:032x}", rand::random::<u128>()),
        ))
        .build()
}

#[derive(Debug)]
struct Client(reqwest::Client);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.send(request).await.inspect_err(|error| {
            // The exporter tells only that it was the network.
            tracing::debug!(error = %error, cause = error.source(), "collector not reached");
        })
    }
}

impl Client {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let mut answer = self.0.execute(request).await.map_err(reqwest::Error::without_url)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err("the collector's answer is too long".into());
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::builder().status(answer.status()).body(Bytes::from(body))?;
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}
