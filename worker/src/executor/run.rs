//! One target's run: room, claim, handler, and what all of it ended in.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use shared::broker::{Lane, Route};
use shared::clock::now_ms;
use shared::event::Event;
use shared::message::Message;
use shared::trace::{Description, KeyValue, Span, SpanKind, number};
use tokio::time::timeout;
use tracing::field::display;

use super::Executor;
use super::settle::{Disposition, Unit};
use crate::context::Context;
use crate::error::{Failure, HandlerError};
use crate::ledger::{Claim, EntryKey, Lease, Release};
use crate::portals::Place;
use crate::records::Course;
use crate::registry::Handler;
use crate::turns::{self, Rooms};
use crate::verdict::{ALONE_FROM, MAX_ABANDONED, Outcome, Verdict, decide};

/// How long shutdown waits for the answer to a claim.
const LAST_CLAIM: Duration = Duration::from_secs(1);

/// What a run is of, and what it has.
#[derive(Clone, Copy)]
struct Work<'a> {
    message: &'a Message,
    event: &'a Event,
    handler: &'a Handler,
    lane: Lane,
    /// Since the receiver took the event in.
    age: Duration,
    place: &'a Place<'a>,
}

impl Executor {
    /// Runs `target` for the event and settles the result. `targets` are all that the message is for, if
    /// it does not name one.
    pub(super) async fn run_target(
        &self,
        message: &Message,
        event: &Event,
        lane: Lane,
        target: &str,
        handler: Option<&Handler>,
        targets: &[&'static str],
    ) -> Disposition {
        let (started, started_ms) = (Instant::now(), now_ms());
        let age_ms = started_ms.saturating_sub(message.received_ms);
        let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
        self.metrics.started(portal_id(message), age);
        let entry =
            EntryKey { identity: &message.event.identity, target, generation: message.generation };
        let span = self.tracer.follow(message.trace_context(), SpanKind::Consumer, || {
            describe(self.publisher.system(), message, lane, target)
        });
        let admitted;
        let (outcome, lease, _gate) = match handler {
            None => (Outcome::TargetUnknown, None, None),
            Some(handler) => {
                admitted = self.portals.admit(portal_id(message)).await;
                match (&admitted, self.still_shut(message, lane).await) {
                    (Err(wait), _) => (Outcome::Limited(*wait), None, None),
                    (Ok(_), Some(error)) => (Outcome::Failed(error), None, None),
                    (Ok(place), None) => {
                        let work = Work { message, event, handler, lane, age, place };
                        span.around(self.claim_and_perform(&entry, &work)).await
                    }
                }
            }
        };
        let took = started.elapsed();
        let outcome = self.end_of_waiting(message, outcome);
        let decision = decide(&outcome, message.attempt, &self.schedule);
        let places = match &outcome {
            Outcome::Failed(error) => &*error.places,
            _ => &[],
        };
        let unit = Unit { message, lane, target, lease: lease.as_deref(), places };
        // What only waited for room has not ended in anything yet, and may come by often.
        let is_put_off = is_put_off(&outcome);
        // Nor does it belong into a trace, unless its handler has begun.
        let span = if is_put_off && lease.is_none() { span.discarded() } else { span };
        let settled = span.around(self.settle(&unit, decision)).await;
        report(message, target, &outcome, settled.verdict, took, &span);
        let error = match &outcome {
            Outcome::Failed(error) => Some((error.code.as_ref(), error.message.as_str())),
            _ => None,
        };
        let (settled_ms, verdict) = (now_ms(), settled.verdict);
        let target = Some(target);
        let course = Course { target, targets, started_ms, settled_ms, verdict, error };
        // A job learns from it which handlers its message is for: what comes back is for one of them.
        let is_to_all = message.job.is_some() && message.target.is_none();
        if !is_put_off || is_to_all {
            self.note(message, Some(event), &course);
        }
        self.metrics.delivery(handler.map_or(super::NO_HANDLER, Handler::name), settled.verdict);
        end(&span, &outcome, settled.verdict);
        settled.disposition
    }

    /// Claims the entry and runs the handler under the claim. A run that follows two abandoned
    /// ones runs alone in this worker, and nobody else claims meanwhile: should it take the
    /// process down again, it alone is to blame. The gate is given back held, so that this
    /// stays so until the run is settled.
    async fn claim_and_perform<'a>(
        &'a self,
        entry: &EntryKey<'_>,
        work: &Work<'_>,
    ) -> (Outcome, Option<Arc<Lease>>, Option<Gate<'a>>) {
        let Work { message, handler, .. } = *work;
        let mut gate = Gate::Shared(self.alone.read().await);
        loop {
            let Some(claim) = self.claim(entry, message.attempt).await else {
                return (Outcome::Interrupted, None, None);
            };
            let lease = match claim {
                Claim::Held(_) => return (Outcome::Held, None, None),
                Claim::Completed => return (Outcome::Duplicate, None, None),
                Claim::Stale => return (Outcome::Stale, None, None),
                Claim::Started(lease) => Arc::new(lease),
            };
            if lease.abandoned >= MAX_ABANDONED {
                return (Outcome::Crashed, Some(lease), Some(gate));
            }
            if lease.abandoned >= ALONE_FROM && matches!(gate, Gate::Shared(_)) {
                // Not waited for under the claim: another run's crash would be blamed on this
                // one.
                self.ledger.release(&lease, Release::Same).await;
                drop(gate);
                gate = Gate::Alone(self.alone.write().await);
                tracing::warn!(
                    event.id = %message.event.identity,
                    handler = handler.name(),
                    abandoned = lease.abandoned,
                    "earlier runs ended with their worker: running alone"
                );
                continue;
            }
            if self.interrupt.is_cancelled() {
                return (Outcome::Interrupted, Some(lease), Some(gate));
            }
            let is_alone = matches!(gate, Gate::Alone(_));
            let outcome = self.perform(work, &lease, is_alone).await;
            return (outcome, Some(lease), Some(gate));
        }
    }

    /// Claims, unless shutdown came first. A claim on its way is waited for a moment longer:
    /// dropped, it would stand until its lease ran out and then be held against the event as
    /// an abandoned run.
    async fn claim(&self, entry: &EntryKey<'_>, attempt: u32) -> Option<Claim> {
        if self.interrupt.is_cancelled() {
            return None;
        }
        let mut claiming = std::pin::pin!(self.ledger.claim(entry, attempt));
        tokio::select! {
            claim = &mut claiming => Some(claim),
            () = self.interrupt.cancelled() => timeout(LAST_CLAIM, claiming).await.ok(),
        }
    }

    /// Runs the handler: within its time, its lease extended, its panics caught.
    async fn perform(&self, work: &Work<'_>, lease: &Arc<Lease>, is_alone: bool) -> Outcome {
        let Work { message, event, handler, lane, age, place } = *work;
        tracing::debug!(
            event.id = %message.event.identity,
            event.r#type = message.event.topic,
            origin = %message.event.origin,
            handler = handler.name(),
            attempt = message.attempt,
            "event claimed"
        );
        let started = Instant::now();
        let (costs, seats) = (Arc::clone(&self.costs), Arc::clone(&self.seats));
        // The last third is for what it does. Who is alone keeps all others waiting.
        let patience = if is_alone { Duration::ZERO } else { self.handler_timeout * 2 / 3 };
        let (target, waiting) = (handler.name(), message.waiting.as_ref());
        let origin = message.event.origin.to_string();
        let rooms = Arc::new(Rooms::new(lane, target, patience, waiting, costs, seats, origin));
        let cx = Context {
            clients: Arc::clone(&self.clients),
            ledger: Arc::clone(&self.ledger),
            records: self.records.clone(),
            lease: Arc::clone(lease),
            identity: message.event.identity.clone(),
            handler: handler.name(),
            portal_id: portal_id(message),
            attempt: message.attempt,
            generation: message.generation,
            rooms: Arc::clone(&rooms),
            since_change: since_change(event, age),
            age,
        };
        // Called inside as well: a handler need not be an `async fn`, and can panic before it
        // gives a future back.
        let running = AssertUnwindSafe(async { handler.run(&cx, event).await }).catch_unwind();
        let mut outcome = tokio::select! {
            biased;
            result = timeout(self.handler_timeout, running) => match result {
                Ok(Ok(Ok(()))) => Outcome::Succeeded,
                Ok(Ok(Err(error))) => Outcome::Failed(error),
                Ok(Err(panic)) => Outcome::Failed(HandlerError::transient("PANIC", panic_text(&*panic))),
                Err(_) => Outcome::Failed(HandlerError::transient(
                    "HANDLER_TIMEOUT",
                    format!("not done within {} ms", self.handler_timeout.as_millis()),
                )),
            },
            () = self.ledger.until_lost(lease) => Outcome::Failed(HandlerError::lease_lost()),
            () = place.turn_slow() => Outcome::Limited(Duration::ZERO),
            () = self.interrupt.cancelled() => Outcome::Interrupted,
        };
        self.metrics.handled(handler.name(), started.elapsed());
        if matches!(outcome, Outcome::Succeeded) || is_put_off(&outcome) {
            rooms.learn();
        }
        if let Outcome::Failed(error) = &mut outcome {
            error.places = rooms.places(matches!(error.kind, Failure::Deferred { .. }));
        }
        outcome
    }

    /// A run that waits for a service alone, and is not let through yet, waits on. One that would wait
    /// for too long ends in its run, which knows its steps.
    async fn still_shut(&self, message: &Message, lane: Lane) -> Option<HandlerError> {
        let waiting = message.waiting.as_ref()?;
        let origin = message.event.origin.to_string();
        let (wait, key) =
            turns::still_shut(&self.ledger, &self.seats, &origin, lane, waiting).await?;
        let waited = Duration::from_millis(waiting.waited_ms);
        if waited.saturating_add(wait) > self.wait_max {
            return None;
        }
        let mut error =
            HandlerError::deferred(wait, "STILL_SHUT", format_args!("{key} is not called yet"));
        error.places = waiting.places.iter().cloned().collect();
        Some(error)
    }

    /// A run that has waited for room for too long waits no more.
    fn end_of_waiting(&self, message: &Message, outcome: Outcome) -> Outcome {
        let waited_ms = message.waiting.as_ref().map_or(0, |waiting| waiting.waited_ms);
        let waited = Duration::from_millis(waited_ms);
        let is_too_long = |error: &HandlerError| match error.kind {
            // Not begun, if it cannot end in time.
            Failure::Deferred { wait } => waited.saturating_add(wait) > self.wait_max,
            _ => false,
        };
        match outcome {
            Outcome::Failed(error) if is_too_long(&error) => {
                let longest = humantime::format_duration(self.wait_max);
                let what = format!("no room within {longest} (WAIT_MAX): {error}");
                Outcome::Failed(HandlerError::permanent("WAITED_TOO_LONG", what))
            }
            other => other,
        }
    }
}

/// Whether it only waits for room, which is neither a failure nor an end.
fn is_put_off(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Limited(_) | Outcome::Held => true,
        Outcome::Failed(error) => matches!(error.kind, Failure::Deferred { .. }),
        _ => false,
    }
}

/// The account's number at HubSpot, by which portals are told apart yet.
fn portal_id(message: &Message) -> u64 {
    message.event.origin.portal_id().unwrap_or_default()
}

/// How long ago the change happened, which was before the event was received. HubSpot may have been
/// trying for hours to deliver it.
fn since_change(event: &Event, age: Duration) -> Duration {
    let since_ms = event.occurred_at_ms().map(|occurred_ms| now_ms().saturating_sub(occurred_ms));
    since_ms.and_then(|ms| u64::try_from(ms).ok()).map_or(age, Duration::from_millis).max(age)
}

/// An end without a failure, for which there is a reason.
fn has_nothing_to_do(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Skipped | Verdict::Gone)
}

/// A worker's runs share it, or one has it alone.
pub(super) enum Gate<'a> {
    Shared(#[expect(dead_code, reason = "held, not read")] tokio::sync::RwLockReadGuard<'a, ()>),
    Alone(#[expect(dead_code, reason = "held, not read")] tokio::sync::RwLockWriteGuard<'a, ()>),
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without words".to_owned())
}

/// As OpenTelemetry names the processing of a message; facts of our own as in the log.
fn describe(system: &'static str, message: &Message, lane: Lane, target: &str) -> Description {
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
fn end(span: &Span, outcome: &Outcome, verdict: Verdict) {
    span.say(|| vec![KeyValue::new("verdict", verdict.as_str())]);
    match outcome {
        Outcome::Failed(_) if has_nothing_to_do(verdict) || is_put_off(outcome) => {}
        Outcome::Failed(error) => span.fail(&error.code),
        Outcome::Crashed => span.fail("CRASHED"),
        Outcome::TargetUnknown => span.fail("TARGET_UNKNOWN"),
        _ => {}
    }
    span.end();
}

/// The one log line of a run.
fn report(
    message: &Message,
    target: &str,
    outcome: &Outcome,
    verdict: Verdict,
    took: Duration,
    span: &Span,
) {
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let context = span.context().or_else(|| message.trace_context());
    let trace = context.map(|context| display(context.trace_id));
    let span = span.id().map(display);
    if let Outcome::Failed(error) = outcome
        && has_nothing_to_do(verdict)
    {
        tracing::info!(
            event.id = %message.event.identity,
            event.r#type = message.event.topic,
            origin = %message.event.origin,
            handler = target,
            attempt = message.attempt,
            verdict = verdict.as_str(),
            error.code = %error.code,
            error.message = error.message,
            duration_ms,
            trace.id = trace,
            span.id = span,
            "event skipped"
        );
    } else if let (Outcome::Failed(error), false) = (outcome, is_put_off(outcome)) {
        tracing::warn!(
            event.id = %message.event.identity,
            event.r#type = message.event.topic,
            origin = %message.event.origin,
            handler = target,
            attempt = message.attempt,
            verdict = verdict.as_str(),
            error.code = %error.code,
            error.message = error.message,
            duration_ms,
            trace.id = trace,
            span.id = span,
            "event failed"
        );
    } else if is_put_off(outcome) {
        tracing::debug!(
            event.id = %message.event.identity,
            event.r#type = message.event.topic,
            origin = %message.event.origin,
            handler = target,
            attempt = message.attempt,
            verdict = verdict.as_str(),
            duration_ms,
            trace.id = trace,
            span.id = span,
            "event put off"
        );
    } else {
        tracing::info!(
            event.id = %message.event.identity,
            event.r#type = message.event.topic,
            origin = %message.event.origin,
            handler = target,
            attempt = message.attempt,
            verdict = verdict.as_str(),
            duration_ms,
            trace.id = trace,
            span.id = span,
            "event processed"
        );
    }
}
