//! What operators are told of rejected requests: all are counted; of each reason some are logged, traced
//! and kept.

use actix_web::HttpRequest;
use shared::senders::Sender;
use shared::trace::Tracer;

use crate::metrics::ReceiverMetrics;
use crate::receipt::Receipt;
use crate::rejection::Rejection;

mod kept;
mod windows;

use kept::{Kept, Sample};
use windows::Windows;

/// What is logged of a path and of a method, in bytes: anybody may write anything there.
const MAX_PATH: usize = 256;
const MAX_METHOD: usize = 32;

/// The rejected requests.
#[derive(Debug)]
pub(crate) struct Rejections {
    sender: Sender,
    metrics: ReceiverMetrics,
    tracer: Tracer,
    windows: Windows,
    kept: Kept,
}

impl Rejections {
    /// Of requests that should be `sender`'s.
    pub(crate) fn of(sender: Sender, metrics: &ReceiverMetrics, tracer: &Tracer) -> Self {
        let (metrics, tracer) = (metrics.clone(), tracer.clone());
        Self { sender, metrics, tracer, windows: Windows::default(), kept: Kept::default() }
    }

    /// Counts one, and perhaps logs, traces and keeps it. `receipt` is the request's, if it was read so
    /// far that it has one.
    pub(crate) fn add(
        &self,
        request: &HttpRequest,
        receipt: Option<Receipt>,
        url: &str,
        rejection: &Rejection,
        hint: Option<&'static str>,
    ) {
        let code = rejection.code();
        self.metrics.rejected(code);
        let sample = Sample::new(self.sender, code, request, url, hint);
        if self.windows.admit(code) {
            let receipt = receipt.unwrap_or_else(|| Receipt::begin(&self.tracer, request));
            tracing::warn!(
                reason = code,
                http.method = cut(request.method().as_str(), MAX_METHOD),
                url.path = cut(request.path(), MAX_PATH),
                clock_distance_ms = sample.clock_distance_ms(),
                hint,
                trace.id = receipt.trace_id(),
                span.id = receipt.span_id(),
                "request rejected"
            );
            receipt.rejected(rejection);
        } else if let Some(receipt) = receipt {
            receipt.discard();
        }
        self.kept.add(sample);
    }

    /// Those that are kept, newest first.
    pub(crate) fn list(&self) -> Vec<Sample> {
        self.kept.list()
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
