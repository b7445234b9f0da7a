//! One target's share of a delivery: a place, a claim, the handler, and what all of it ended in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::broker::Lane;
use shared::clock::now_ms;
use shared::event::Event;
use shared::message::Message;
use shared::trace::SpanKind;

use super::claim::Started;
use super::disposition::Disposition;
use super::perform::Work;
use super::settle::Unit;
use super::{Executor, line, no_handler, report, span};
use crate::ledger::EntryKey;
use crate::portals::Place;
use crate::records::Course;
use crate::shared_record::SharedRecord;
use crate::target::Target;
use crate::verdict::{Outcome, decide};

/// What is to be run, and of what.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) message: &'a Message,
    pub(super) event: &'a Event,
    pub(super) lane: Lane,
    /// The target's name.
    pub(super) name: &'a str,
    /// `None` if there is none of that name.
    pub(super) target: Option<&'a Target>,
    /// All that the message is for, if it does not name one.
    pub(super) names: &'a [Arc<str>],
    /// The event's record, where several of them ask for it.
    pub(super) record: Option<&'a Arc<SharedRecord>>,
}

impl Executor {
    /// Runs the target for the event and settles the result.
    pub(super) async fn run(&self, part: Part<'_>) -> Disposition {
        let Part { message, event, lane, name, target, names, .. } = part;
        let (begun, started_ms) = (Instant::now(), now_ms());
        let age = since(started_ms, message.received_ms);
        let origin = &message.event.origin;
        self.metrics.started(origin, age);
        let context = self.tracer.is_on().then(|| message.trace_context()).flatten();
        let span = self.tracer.follow(context, SpanKind::Consumer, || {
            span::describe(self.publisher.system(), message, lane, name)
        });
        // Both held until it is settled: its place, and what may not run beside it.
        let place;
        let (outcome, started) = match target {
            None => (Outcome::TargetUnknown, None),
            Some(target) => {
                place = self.portals.admit(origin).await;
                match &place {
                    Err(wait) => (Outcome::Limited(*wait), None),
                    Ok(place) => match self.is_still_shut(message, lane).await {
                        Err(outcome) => (outcome, None),
                        Ok(()) => {
                            span.around(self.claim_and_perform(&part, target, age, place)).await
                        }
                    },
                }
            }
        };
        let took = begun.elapsed();
        let outcome = self.end_of_waiting(message, outcome);
        let decision = decide(&outcome, message.attempt, &self.schedule);
        let unit = Unit {
            message,
            lane,
            target: Some(name),
            label: target.map_or(no_handler(), Target::label),
            lease: started.as_ref().map(|started| &*started.lease),
            places: outcome.failure().map(|error| &*error.places).unwrap_or_default(),
            is_pause: outcome.failure().is_some_and(|error| error.is_pause),
        };
        // What only waited for room has not ended in anything yet, and may come by often. Nor does it
        // belong into a trace, unless its handler has begun.
        let is_put_off = outcome.is_put_off();
        let span = if is_put_off && started.is_none() { span.discarded() } else { span };
        let back = line::back(&decision);
        let settled = span.around(self.settle(&unit, decision)).await;
        if let (Some(started), Some(word)) = (&started, line::word(settled.verdict, back)) {
            started.in_line.leave(&self.ledger, word).await;
        }
        report::log(&report::Facts {
            message,
            target: name,
            outcome: &outcome,
            verdict: settled.verdict,
            took,
            span: &span,
        });
        let error = outcome.failure().map(|error| (&*error.code, &*error.message));
        let course = Course {
            target: Some(name),
            targets: names,
            started_ms,
            settled_ms: now_ms(),
            verdict: settled.verdict,
            error,
            answer: outcome.failure().and_then(|error| error.answer.as_deref()),
        };
        // A job learns from it which handlers its message is for: what comes back is for one of them.
        let is_to_all = message.job.is_some() && message.target.is_none();
        if !is_put_off || is_to_all {
            self.note(message, Some(event), &course);
        }
        match target {
            Some(target) => self.counts(target).ended(settled.verdict.as_str()),
            None => self.metrics.delivery(no_handler(), settled.verdict.as_str()),
        }
        span::end(&span, &outcome, settled.verdict);
        settled.disposition
    }

    /// Asked only by who can come: it may be told to probe. The answer is waited for like a claim, until
    /// shutdown can wait no longer; nothing is taken by the question.
    async fn is_still_shut(&self, message: &Message, lane: Lane) -> Result<(), Outcome> {
        let asking = self.still_shut(message, lane);
        match self.interrupt.run_until_cancelled(asking).await {
            Some(None) => Ok(()),
            Some(Some(error)) => Err(Outcome::Failed(error)),
            None => Err(Outcome::Interrupted),
        }
    }

    async fn claim_and_perform(
        &self,
        part: &Part<'_>,
        target: &Target,
        age: Duration,
        place: &Place<'_>,
    ) -> (Outcome, Option<Started<'_>>) {
        let Part { message, event, lane, record, .. } = *part;
        let entry = EntryKey {
            identity: &message.event.identity,
            target: target.name(),
            generation: message.generation,
        };
        // Whoever waits for its turn counts as slow too: else it would hold up all others of its account.
        let started = tokio::select! {
            biased;
            started = self.start(&entry, message.attempt) => started,
            () = place.turn_slow() => Err((Outcome::Limited(Duration::ZERO), None)),
        };
        match started {
            Ok(started) => {
                let work = Work { message, event, target, lane, age, place, record };
                let outcome = self.perform(&work, &started).await;
                (outcome, Some(started))
            }
            Err((outcome, started)) => (outcome, started),
        }
    }
}

/// From one moment to another, ms since the Unix epoch.
fn since(now_ms: i64, then_ms: i64) -> Duration {
    let passed_ms = now_ms.saturating_sub(then_ms);
    Duration::from_millis(u64::try_from(passed_ms).unwrap_or(0))
}
