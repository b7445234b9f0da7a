//! The one log line of a run.

use std::time::Duration;

use shared::message::Message;
use shared::trace::Span;

use crate::verdict::{Outcome, Verdict};

/// One line, of any level: all have the same facts.
macro_rules! line {
    ($level:ident, $facts:ident, $failure:ident, $what:literal) => {{
        let Facts { message, target, verdict, took, span, .. } = *$facts;
        // Looked for only where the line is written.
        let trace = || span.context().or_else(|| message.trace_context());
        tracing::$level!(
            event.id = %message.event.identity,
            event.r#type = &*message.event.topic,
            origin = %message.event.origin,
            handler = target,
            attempt = message.attempt,
            verdict = verdict.as_str(),
            error.code = $failure.map(|error| &*error.code),
            error.message = $failure.map(|error| &*error.message),
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            trace.id = trace().map(|context| display(context.trace_id)),
            span.id = span.id().map(display),
            $what
        );
    }};
}

/// What there is to say of a run that has been settled.
pub(super) struct Facts<'a> {
    pub(super) message: &'a Message,
    pub(super) target: &'a str,
    pub(super) outcome: &'a Outcome,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
    pub(super) span: &'a Span,
}

pub(super) fn log(facts: &Facts<'_>) {
    let is_put_off = facts.outcome.is_put_off();
    let failure = facts.outcome.failure().filter(|_| !is_put_off);
    if facts.verdict == Verdict::Interrupted {
        line!(info, facts, failure, "event requeued");
    } else if is_put_off {
        line!(debug, facts, failure, "event put off");
    } else if facts.verdict.is_nothing_to_do() {
        line!(info, facts, failure, "event skipped");
    } else if failure.is_some() {
        line!(warn, facts, failure, "event failed");
    } else {
        line!(info, facts, failure, "event processed");
    }
}
