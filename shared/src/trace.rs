//! Traces: spans of deliveries, runs and calls, sent to a collector by OTLP over HTTP.
//!
//! Off unless an endpoint is set, and then nothing is made: no task, no memory, no span. On, a span
//! that is over goes into a bounded queue or is dropped: nobody waits for a collector. A span
//! says what was done, never with which bytes: no body, no secret, no error's text.

use std::fmt;
use std::sync::Arc;

use opentelemetry::trace::Link;
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample as _};

use crate::settings::TraceSettings;

mod client;
mod context;
mod queue;
mod span;

pub use context::TraceContext;
pub use opentelemetry::KeyValue;
pub use opentelemetry::trace::SpanKind;
pub use span::{Description, Span, number};

use queue::Queue;

/// Begins spans; cheap to clone. The default is off.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Tracing>>);

struct Tracing {
    queue: Queue,
    share: f64,
}

impl Tracer {
    /// One that sends what `service` does to where the settings say, or one that is off. Must be
    /// called on a runtime that lives as long as the process.
    pub fn start(settings: &TraceSettings, service: &'static str) -> anyhow::Result<Self> {
        let Some(endpoint) = settings.endpoint()? else { return Ok(Self::default()) };
        let exporter = client::exporter(&endpoint, settings.headers()?, service)?;
        let share = settings.otel_traces_sampler_arg;
        tracing::info!(
            endpoint = endpoint.origin().ascii_serialization(),
            share,
            "traces are sent"
        );
        Ok(Self(Some(Arc::new(Tracing { queue: Queue::start(exporter), share }))))
    }

    /// Whether anything is traced here.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The context of something that begins, with the decision whether it is traced. Off, there
    /// is one as well: it finds things that belong together in logs.
    pub fn begin(&self) -> TraceContext {
        let context = TraceContext::random();
        let Some(tracing) = &self.0 else { return context };
        let sampler = Sampler::TraceIdRatioBased(tracing.share);
        let result =
            sampler.should_sample(None, context.trace_id, "", &SpanKind::Internal, &[], &[]);
        TraceContext { sampled: result.decision == SamplingDecision::RecordAndSample, ..context }
    }

    /// The span that `context` stands for, which has no parent.
    pub fn root(
        &self,
        context: TraceContext,
        kind: SpanKind,
        describe: impl FnOnce() -> Description,
    ) -> Span {
        match &self.0 {
            Some(tracing) if context.sampled => {
                Span::open(tracing, context, None, kind, describe())
            }
            _ => Span::default(),
        }
    }

    /// The span of work on something that came in a message: its parent is what brought the
    /// message, and it links to it too. What brought it has decided whether it is
    /// traced; a message that says nothing begins a trace.
    pub fn follow(
        &self,
        origin: Option<TraceContext>,
        kind: SpanKind,
        describe: impl FnOnce() -> Description,
    ) -> Span {
        let Some(tracing) = &self.0 else { return Span::default() };
        match origin {
            None => self.root(self.begin(), kind, describe),
            Some(origin) if origin.sampled => {
                let span = Span::open(tracing, origin.child(), Some(origin), kind, describe());
                span.change(|data| {
                    data.parent_span_is_remote = true;
                    data.links.links.push(Link::with_context(origin.remote()));
                });
                span
            }
            Some(_) => Span::default(),
        }
    }

    /// Sends what is left, for a moment at most.
    pub async fn close(&self) {
        if let Some(tracing) = &self.0 {
            tracing.queue.close().await;
        }
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "Tracer(on)" } else { "Tracer(off)" })
    }
}
