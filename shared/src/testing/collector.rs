//! A collector of traces: takes OTLP over HTTP, reads it, and takes nothing on demand.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use data_encoding::HEXLOWER;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{Span, span, status};
use prost::Message as _;
use tokio::sync::watch;

/// Longer than anything takes when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done with a batch.
#[derive(Clone, Copy, Debug)]
pub enum Mood {
    /// It is kept.
    Takes,
    /// It is answered with this status.
    Refuses(u16),
    /// It is never answered.
    Hangs,
}

/// A span as it was sent, in words that compare easily: ids in hexadecimal.
#[derive(Clone, Debug)]
pub struct SentSpan {
    /// Of the program that sent it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// `Server`, `Producer`, …
    pub kind: span::SpanKind,
    /// Its trace.
    pub trace_id: String,
    /// Itself.
    pub span_id: String,
    /// Empty if it has none.
    pub parent_id: String,
    /// Trace and span of each.
    pub links: Vec<(String, String)>,
    /// Values as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether its status is an error.
    pub is_error: bool,
}

impl SentSpan {
    /// One of its attributes; empty if it is not there.
    pub fn attribute(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// All that has come.
#[derive(Clone, Debug, Default)]
struct Taken {
    requests: usize,
    headers: BTreeMap<String, String>,
    spans: Vec<SentSpan>,
}

struct State {
    mood: Mutex<Mood>,
    taken: watch::Sender<Taken>,
}

/// A running collector; stops when it is dropped.
pub struct Collector {
    state: Data<State>,
    address: SocketAddr,
    server: ServerHandle,
}

impl Collector {
    /// Starts one on a free port. Must be called on a runtime.
    pub fn start() -> Self {
        let (mood, taken) = (Mutex::new(Mood::Takes), watch::Sender::default());
        let state = Data::new(State { mood, taken });
        let shared = state.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(PayloadConfig::new(64 * 1024 * 1024))
                .route("/v1/traces", web::post().to(take))
        })
        .workers(1)
        .disable_signals()
        .bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { state, address, server: handle }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what is done with what comes from now on.
    pub fn set(&self, mood: Mood) {
        *self.state.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Waits until so many requests have come, whatever became of them.
    pub async fn asked(&self, requests: usize) {
        self.wait("requests", |taken| taken.requests >= requests).await;
    }

    /// Waits until the spans are `enough`, and gives all there are.
    pub async fn spans_when(&self, enough: impl Fn(&[SentSpan]) -> bool) -> Vec<SentSpan> {
        self.wait("spans", |taken| enough(&taken.spans)).await;
        self.spans()
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<SentSpan> {
        self.state.taken.borrow().spans.clone()
    }

    /// A header of the last request.
    pub fn header(&self, name: &str) -> Option<String> {
        self.state.taken.borrow().headers.get(name).cloned()
    }

    async fn wait(&self, what: &str, done: impl Fn(&Taken) -> bool) {
        let mut taken = self.state.taken.subscribe();
        let waiting = tokio::time::timeout(PATIENCE, taken.wait_for(|taken| done(taken)));
        let waited = waiting.await.is_ok();
        assert!(waited, "{what} do not come: {:#?}", self.state.taken.borrow());
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

async fn take(state: Data<State>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let mood = *state.mood.lock().unwrap_or_else(PoisonError::into_inner);
    let text = |value: &actix_web::http::header::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
    state.taken.send_modify(|taken| {
        taken.requests += 1;
        taken.headers = headers;
        if matches!(mood, Mood::Takes) {
            taken.spans.extend(read(&body));
        }
    });
    match mood {
        Mood::Takes => HttpResponse::Ok()
            .content_type("application/x-protobuf")
            .body(ExportTraceServiceResponse::default().encode_to_vec()),
        Mood::Refuses(status) => HttpResponse::new(StatusCode::from_u16(status).unwrap()),
        Mood::Hangs => pending().await,
    }
}

fn read(body: &[u8]) -> Vec<SentSpan> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut spans = Vec::new();
    for resource_spans in request.resource_spans {
        let resource = texts(resource_spans.resource.unwrap().attributes);
        let service = &resource["service.name"];
        let sent = resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(sent.map(|span| sent_span(service, span)));
    }
    spans
}

fn sent_span(service: &str, span: Span) -> SentSpan {
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
    SentSpan {
        service: service.to_owned(),
        kind: span.kind(),
        trace_id: HEXLOWER.encode(&span.trace_id),
        span_id: HEXLOWER.encode(&span.span_id),
        parent_id: HEXLOWER.encode(&span.parent_span_id),
        links: span
            .links
            .iter()
            .map(|link| (HEXLOWER.encode(&link.trace_id), HEXLOWER.encode(&link.span_id)))
            .collect(),
        attributes: texts(span.attributes),
        is_error: span.status.is_some_and(|status| status.code() == status::StatusCode::Error),
        name: span.name,
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |pair: KeyValue| (pair.key, text(pair.value.unwrap().value.unwrap()));
    attributes.into_iter().map(pair).collect()
}
