//! The one log line of a run.

use std::time::Duration;

use shared::trace::Span;
use tracing::field::display;

use super::part::Part;
use crate::verdict::{Outcome, Verdict};

/// One line, of any level: all have the same facts.
macro_rules! line {
    ($level:ident, $facts:expr, $what:literal) => {{
        let Facts { part, verdict, error, duration_ms, span } = $facts;
        let context = span.context().or_else(|| part.message.trace_context());
        let (trace, span) = (context.map(|context| display(context.trace_id)), span.id().map(display));
        tracing::$level!(
            event.id = %part.message.identity,
            event.r#type = part.message.subscription_type,
            portal.id = part.message.portal_id,
            handler = part.name,
            attempt = part.message.attempt,
            verdict = verdict.as_str(),
            error.code = error.map(|(code, _)| code),
            error.message = error.map(|(_, message)| message),
            duration_ms,
            trace.id = trace,
            span.id = span,
            $what
        );
    }};
}

struct Facts<'a> {
    part: &'a Part<'a>,
    verdict: Verdict,
    error: Option<(&'a str, &'a str)>,
    duration_ms: u64,
    span: &'a Span,
}

pub(super) fn log(
    part: &Part<'_>,
    outcome: &Outcome,
    verdict: Verdict,
    took: Duration,
    span: &Span,
) {
    let is_put_off = outcome.is_put_off();
    let failure = outcome.failure().filter(|_| !is_put_off);
    let facts = Facts {
        part,
        verdict,
        error: failure.map(|error| (&*error.code, &*error.message)),
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        span,
    };
    if verdict == Verdict::Interrupted {
        line!(info, facts, "event requeued");
    } else if is_put_off {
        line!(debug, facts, "event put off");
    } else if verdict.is_nothing_to_do() {
        line!(info, facts, "event skipped");
    } else if failure.is_some() {
        line!(warn, facts, "event failed");
    } else {
        line!(info, facts, "event processed");
    }
}
