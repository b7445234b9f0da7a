//! One span: begun, told more, over. What is not traced has an empty one, which costs nothing.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use futures_util::future::Either;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::context::TraceContext;
use super::queue::Queue;

tokio::task_local! {
    static CURRENT: Span;
}

/// A span's name and what is known of it from the start.
pub type Description = (Cow<'static, str>, Vec<KeyValue>);

/// A span, or none. Clones are the same span; it is over when it is ended, or with its last clone.
#[derive(Clone, Default)]
pub struct Span(Option<Arc<Open>>);

struct Open {
    queue: Arc<Queue>,
    context: TraceContext,
    /// Until it is over.
    data: Mutex<Option<SpanData>>,
}

impl Span {
    pub(super) fn open(
        queue: &Arc<Queue>,
        context: TraceContext,
        parent: Option<TraceContext>,
        span_kind: SpanKind,
        (name, attributes): Description,
    ) -> Self {
        let now = SystemTime::now();
        let data = SpanData {
            span_context: context.local(),
            parent_span_id: parent.map_or(SpanId::INVALID, |parent| parent.span_id),
            parent_span_is_remote: false,
            span_kind,
            name,
            start_time: now,
            end_time: now,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("hubline")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        };
        let data = Mutex::new(Some(data));
        Self(Some(Arc::new(Open { queue: Arc::clone(queue), context, data })))
    }

    /// The span that what runs here belongs to, as [`Self::around`] has said; else none.
    pub fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_default()
    }

    /// A part of this one.
    #[must_use]
    pub fn child(&self, kind: SpanKind, describe: impl FnOnce() -> Description) -> Self {
        match &self.0 {
            None => Self::default(),
            Some(open) => {
                let context = open.context.child();
                Self::open(&open.queue, context, Some(open.context), kind, describe())
            }
        }
    }

    /// `future`, with this as its current span.
    pub fn around<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        match &self.0 {
            None => Either::Left(future),
            Some(_) => Either::Right(CURRENT.scope(self.clone(), future)),
        }
    }

    /// Its id; `None` if there is no span.
    pub fn id(&self) -> Option<SpanId> {
        self.0.as_ref().map(|open| open.context.span_id)
    }

    /// Its place; `None` if there is no span.
    pub fn context(&self) -> Option<TraceContext> {
        self.0.as_ref().map(|open| open.context)
    }

    /// Says more of it.
    pub fn say(&self, attributes: impl FnOnce() -> Vec<KeyValue>) {
        self.change(|data| data.attributes.extend(attributes()));
    }

    /// Names the failure that it ended in, a stable code.
    pub fn fail(&self, code: &str) {
        self.change(|data| {
            data.attributes.push(KeyValue::new("error.type", code.to_owned()));
            data.status = Status::error("");
        });
    }

    /// None in its place: nothing came of it, and it is not to be seen.
    #[must_use]
    pub fn discarded(self) -> Self {
        if let Some(open) = &self.0 {
            open.data.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        Self::default()
    }

    /// It is over now.
    pub fn end(&self) {
        if let Some(open) = &self.0 {
            open.end();
        }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut SpanData)) {
        if let Some(open) = &self.0
            && let Some(data) = &mut *open.data.lock().unwrap_or_else(PoisonError::into_inner)
        {
            change(data);
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Span").field(&self.context()).finish()
    }
}

impl Open {
    fn end(&self) {
        let data = self.data.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(data) = data {
            // A clock that was set back in between must not make a span end before it began.
            let end_time = SystemTime::now().max(data.start_time);
            self.queue.push(SpanData { end_time, ..data });
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.end();
    }
}

/// A number of something.
pub fn number(key: &'static str, value: impl TryInto<i64>) -> KeyValue {
    KeyValue::new(key, value.try_into().unwrap_or(i64::MAX))
}
