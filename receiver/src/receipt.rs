//! The receipt of one request, as traces and logs have it: the context that its events carry, and
//! its span if it is traced. A context that the request brings is not looked at: anybody could
//! send one.

use std::future::Future;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::{HttpRequest, ResponseError as _};
use shared::broker::{Publication, PublishError, Route};
use shared::trace::{Description, KeyValue, Span, SpanKind, TraceContext, Tracer, number};
use tokio::time::Instant;
use tracing::Value;
use tracing::field::display;

use crate::rejection::Rejection;

/// The longest path that is shown, in bytes.
const MAX_PATH_BYTES: usize = 256;

/// One receipt; its span ends with the answer, or with this.
#[derive(Debug)]
pub(crate) struct Receipt {
    context: TraceContext,
    span: Span,
}

/// How far a verified delivery has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    body_bytes: usize,
    pub(crate) events: usize,
    pub(crate) unreadable: usize,
    pub(crate) started: Instant,
}

impl Progress {
    /// Of a body that is to be split now.
    pub(crate) fn of(body_bytes: usize) -> Self {
        Self { body_bytes, events: 0, unreadable: 0, started: Instant::now() }
    }

    /// It was split into these.
    pub(crate) fn read(&mut self, batch: &[Publication]) {
        self.events = batch.len();
        self.unreadable = batch.iter().filter(|one| one.route == Route::Dead).count();
    }

    fn duration_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Receipt {
    pub(crate) fn begin(tracer: &Tracer, request: &HttpRequest) -> Self {
        let context = tracer.begin();
        let span = tracer.root(context, SpanKind::Server, || describe(request));
        Self { context, span }
    }

    /// What its events carry.
    pub(crate) fn traceparent(&self) -> Arc<str> {
        self.context.to_string().into()
    }

    /// For logs.
    pub(crate) fn trace_id(&self) -> impl Value + use<> {
        display(self.context.trace_id)
    }

    /// For logs: nothing if it is not traced.
    pub(crate) fn span_id(&self) -> impl Value + use<> {
        self.span.id().map(display)
    }

    /// What is done in `future` is part of it.
    pub(crate) fn around<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.span.around(future)
    }

    /// How many events the delivery has, and how many of them are none.
    pub(crate) fn read(&self, progress: &Progress) {
        let Progress { events, unreadable, .. } = *progress;
        self.span.say(|| vec![number("events", events), number("unreadable", unreadable)]);
    }

    /// It is answered 200.
    pub(crate) fn received(&self, progress: &Progress) {
        let Progress { body_bytes, events, unreadable, .. } = *progress;
        if unreadable > 0 {
            tracing::warn!(
                events,
                unreadable,
                body_bytes,
                duration_ms = progress.duration_ms(),
                trace.id = self.trace_id(),
                span.id = self.span_id(),
                "delivery received, partly unreadable"
            );
        } else {
            tracing::info!(
                events,
                body_bytes,
                duration_ms = progress.duration_ms(),
                trace.id = self.trace_id(),
                span.id = self.span_id(),
                "delivery received"
            );
        }
        self.span.say(|| vec![number("http.response.status_code", 200)]);
        self.span.end();
    }

    /// It was signed, and has no room or is not confirmed: its sender is to come again.
    pub(crate) fn not_taken(&self, rejection: &Rejection, progress: &Progress) {
        // While there is no connection every delivery fails: that is logged where it is found out.
        if matches!(rejection, Rejection::Broker(PublishError::Unavailable)) {
            tracing::debug!(
                reason = rejection.code(),
                events = progress.events,
                duration_ms = progress.duration_ms(),
                trace.id = self.trace_id(),
                span.id = self.span_id(),
                "delivery not taken"
            );
        } else {
            tracing::warn!(
                reason = rejection.code(),
                events = progress.events,
                duration_ms = progress.duration_ms(),
                trace.id = self.trace_id(),
                span.id = self.span_id(),
                "delivery not taken"
            );
        }
        self.rejected(rejection);
    }

    /// Nothing is told of it.
    pub(crate) fn discard(self) {
        let _ = self.span.discarded();
    }

    /// It is answered with a rejection. Only what is our own failing counts as a failure.
    pub(crate) fn rejected(&self, rejection: &Rejection) {
        let status = rejection.status_code();
        self.span.say(|| vec![number("http.response.status_code", status.as_u16())]);
        if status.is_server_error() {
            self.span.fail(rejection.code());
        } else {
            self.span.say(|| vec![KeyValue::new("error.type", rejection.code())]);
        }
        self.span.end();
    }
}

/// As OpenTelemetry names a request; what anybody may write into it is cut.
fn describe(request: &HttpRequest) -> Description {
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    };
    let path = request.path();
    let path = path[..path.floor_char_boundary(MAX_PATH_BYTES)].to_owned();
    let mut attributes = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("url.path", path),
        KeyValue::new("url.scheme", "http"),
    ];
    let named = if method == "_OTHER" { "HTTP" } else { method };
    match request.match_pattern() {
        None => (named.into(), attributes),
        Some(route) => {
            let name = format!("{named} {route}");
            attributes.push(KeyValue::new("http.route", route));
            (name.into(), attributes)
        }
    }
}
