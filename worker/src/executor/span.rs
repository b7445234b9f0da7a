//! A run's span: as OpenTelemetry names the processing of a message; facts of our own as in the log.

use shared::broker::{Lane, Route};
use shared::message::Message;
use shared::trace::{Description, KeyValue, Span, number};

use crate::verdict::{Outcome, Verdict};

pub(super) fn describe(
    system: &'static str,
    message: &Message,
    lane: Lane,
    target: &str,
) -> Description {
    let destination = Route::Ready(lane).destination().as_str();
    let attributes = vec![
        KeyValue::new("messaging.system", system),
        KeyValue::new("messaging.operation.name", "process"),
        KeyValue::new("messaging.operation.type", "process"),
        KeyValue::new("messaging.destination.name", destination),
        KeyValue::new("messaging.message.id", message.event.identity.to_string()),
        KeyValue::new("event.id", message.event.identity.to_string()),
        KeyValue::new("event.type", message.event.topic.clone()),
        KeyValue::new("origin", message.event.origin.to_string()),
        KeyValue::new("handler", target.to_owned()),
        number("attempt", message.attempt),
    ];
    (format!("process {destination}").into(), attributes)
}

/// Ends a run's span with what became of it: a failure by its code, never by its text.
pub(super) fn end(span: &Span, outcome: &Outcome, verdict: Verdict) {
    span.say(|| vec![KeyValue::new("verdict", verdict.as_str())]);
    match outcome {
        Outcome::Failed(_) if verdict.is_nothing_to_do() || outcome.is_put_off() => {}
        Outcome::Failed(error) => span.fail(&error.code),
        Outcome::Crashed => span.fail("CRASHED"),
        Outcome::TargetUnknown => span.fail("TARGET_UNKNOWN"),
        _ => {}
    }
    span.end();
}
