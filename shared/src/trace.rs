//! Traces: spans of deliveries, runs and calls, sent to a collector by OTLP over HTTP.
//!
//! Off unless an endpoint is set, and then nothing is made: no task, no memory, no span. On, a span
//! that is over goes into a bounded queue or is dropped: nobody waits for a collector. A span
//! says what was done, never with which bytes: no body, no secret, no error's text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::Link as SpanLink;
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample as _};

use crate::settings::TraceSettings;

mod client;
mod context;
mod queue;
mod span;

pub use context::{InvalidTraceparent, TraceContext};
pub use opentelemetry::KeyValue;
pub use opentelemetry::trace::SpanKind;
pub use span::{Description, Span, number};

use queue::Queue;

/// Begins spans; cheap to clone. The default is off.
#[derive(Clone, Default)]
pub struct Tracer(Option<Tracing>);

#[derive(Clone)]
struct Tracing {
    queue: Arc<Queue>,
    share: f64,
}

impl Tracer {
    /// What [`Self::close`] takes at the most.
    pub const CLOSE: Duration = queue::FLUSH;

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
        Ok(Self(Some(Tracing { queue: Arc::new(Queue::start(exporter)), share })))
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
                Span::open(&tracing.queue, context, None, kind, describe())
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
                let span =
                    Span::open(&tracing.queue, origin.child(), Some(origin), kind, describe());
                span.change(|data| {
                    data.parent_span_is_remote = true;
                    data.links.links.push(SpanLink::with_context(origin.remote()));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    /// One that sends nowhere.
    fn tracer(share: f64) -> Tracer {
        let settings = TraceSettings {
            otel_exporter_otlp_endpoint: Some("http://127.0.0.1:1".to_owned()),
            otel_exporter_otlp_headers: None,
            otel_exporter_otlp_headers_file: None,
            otel_traces_sampler_arg: share,
        };
        Tracer::start(&settings, "test").unwrap()
    }

    fn described() -> Description {
        ("test".into(), Vec::new())
    }

    fn never() -> Description {
        panic!("described without being traced")
    }

    #[tokio::test]
    async fn off_there_are_contexts_and_no_spans() {
        let off = Tracer::default();
        let context = off.begin();
        assert!(!context.sampled);
        let elsewhere = TraceContext { sampled: true, ..context };
        let spans = [
            off.root(elsewhere, SpanKind::Server, never),
            off.follow(Some(elsewhere), SpanKind::Consumer, never),
            off.follow(None, SpanKind::Consumer, never),
            Span::current().child(SpanKind::Client, never),
        ];
        for span in spans {
            span.say(|| panic!("said without being traced"));
            assert_eq!(span.id(), None);
            span.around(async { assert_eq!(Span::current().id(), None) }).await;
        }
    }

    #[tokio::test]
    async fn what_begins_a_trace_decides_for_all_that_follows() {
        let (all, none) = (tracer(1.0), tracer(0.0));
        let (traced, untraced) = (all.begin(), none.begin());
        assert_eq!((traced.sampled, untraced.sampled), (true, false));
        assert_eq!(all.root(untraced, SpanKind::Server, never).id(), None);
        assert_eq!(all.follow(Some(untraced), SpanKind::Consumer, never).id(), None);
        let run = none.follow(Some(traced), SpanKind::Consumer, described);
        let context = run.context().unwrap();
        assert_eq!((context.trace_id, context.sampled), (traced.trace_id, true));
        assert_ne!(context.span_id, traced.span_id);
        assert_eq!(none.follow(None, SpanKind::Consumer, never).id(), None);
    }

    #[tokio::test]
    async fn what_runs_around_a_span_has_it_as_current_one() {
        let tracer = tracer(1.0);
        let outer = tracer.root(tracer.begin(), SpanKind::Server, described);
        let inner = outer.child(SpanKind::Internal, described);
        let seen = outer.around(async {
            let before = Span::current().id();
            let within = inner.around(async { Span::current().id() }).await;
            [before, within, Span::current().id()]
        });
        assert_eq!(seen.await, [outer.id(), inner.id(), outer.id()]);
        assert_eq!(Span::current().id(), None);
    }

    #[tokio::test]
    async fn a_tracer_shows_nothing_of_itself() {
        assert_eq!(format!("{:?} {:?}", Tracer::default(), tracer(1.0)), "Tracer(off) Tracer(on)");
    }

    /// On one thread: what sends does not run meanwhile.
    #[tokio::test]
    async fn what_has_no_room_is_dropped_and_counted_and_the_end_comes() {
        let tracer = tracer(1.0);
        for _ in 0..queue::WAITING + 100 {
            tracer.root(tracer.begin(), SpanKind::Server, described).end();
        }
        assert_eq!(tracer.0.as_ref().unwrap().queue.lost(), 100);
        tracer.close().await;
        tracer.close().await;
        tracer.root(tracer.begin(), SpanKind::Server, described).end();
    }
}
