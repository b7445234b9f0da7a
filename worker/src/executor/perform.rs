//! The handler: within its time, its lease extended, its panics caught, and never cut off in the middle
//! of a step that can still end.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use shared::broker::Lane;
use shared::clock::now_ms;
use shared::event::Event;
use shared::message::Message;

use super::Executor;
use super::claim::Started;
use super::waiting::waited;
use crate::context::Context;
use crate::error::{Failure, HandlerError};
use crate::portals::Place;
use crate::run::{Run, Time};
use crate::shared_record::SharedRecord;
use crate::target::{HandlerResult, Target};
use crate::turns::Rooms;
use crate::verdict::{Outcome, Suspicion};

/// How long shutdown waits for the end of a step: less than [`super::GIVE_BACK`], since what it gave is
/// to be written then.
const LAST_STEP: Duration = Duration::from_secs(2);

/// What a handler is run on.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) message: &'a Message,
    pub(super) event: &'a Event,
    pub(super) target: &'a Target,
    pub(super) lane: Lane,
    /// Since the receiver took the event in.
    pub(super) age: Duration,
    pub(super) place: &'a Place<'a>,
    /// What it shares with the delivery's other targets.
    pub(super) record: Option<&'a Arc<SharedRecord>>,
}

impl Executor {
    /// Runs the handler to its end, or until it is cut off.
    pub(super) async fn perform(&self, work: &Work<'_>, started: &Started<'_>) -> Outcome {
        let Work { message, event, target, place, .. } = *work;
        tracing::debug!(
            event.id = %message.event.identity,
            event.r#type = &*message.event.topic,
            origin = %message.event.origin,
            handler = &**target.name(),
            attempt = message.attempt,
            "event claimed"
        );
        let begun = Instant::now();
        let cx = self.context(work, started);
        // Called inside as well: a handler need not be an `async fn`, and can panic before it
        // gives a future back.
        let handling = AssertUnwindSafe(async { target.run(&cx, event).await }).catch_unwind();
        let mut handling = std::pin::pin!(handling);
        let mut lost = std::pin::pin!(self.ledger.until_lost(&started.lease).fuse());
        let cut_off = tokio::select! {
            biased;
            result = &mut handling => Err(result),
            () = tokio::time::sleep(self.handler_timeout) => Ok(Outcome::Failed(self.too_slow())),
            () = &mut lost => Ok(Outcome::Failed(HandlerError::lease_lost())),
            () = place.turn_slow() => Ok(Outcome::Limited(Duration::ZERO)),
            () = self.interrupt.cancelled() => Ok(Outcome::Interrupted),
        };
        let mut outcome = match cut_off {
            Err(result) => ended(result),
            Ok(outcome) => {
                cx.run.time.is_up();
                let extending = async {
                    lost.await;
                    std::future::pending().await
                };
                tokio::select! {
                    biased;
                    // What is done after all is done.
                    result = &mut handling => match ended(result) {
                        Outcome::Succeeded => Outcome::Succeeded,
                        _ => outcome,
                    },
                    () = cx.run.time.idle() => outcome,
                    () = self.too_late() => outcome,
                    never = extending => never,
                }
            }
        };
        self.counts(target).handled(begun.elapsed());
        if matches!(outcome, Outcome::Succeeded) || outcome.is_put_off() {
            cx.run.rooms.learn();
        }
        if let Outcome::Failed(error) = &mut outcome {
            error.places = cx.run.rooms.places(matches!(error.kind, Failure::Deferred { .. }));
        }
        outcome
    }

    fn context(&self, work: &Work<'_>, started: &Started<'_>) -> Context {
        let Work { message, event, target, lane, age, .. } = *work;
        // The last third is for what it does. Who keeps others waiting waits for nobody here.
        let patience = match started.suspicion {
            Suspicion::None => self.handler_timeout * 2 / 3,
            _ => Duration::ZERO,
        };
        let (costs, seats) = (Arc::clone(&self.costs), Arc::clone(&self.seats));
        let waiting = message.waiting.as_ref();
        let origin = message.event.origin.to_string();
        let rooms = Rooms::new(lane, target.name(), patience, waiting, costs, seats, origin);
        let run = Run {
            ledger: Arc::clone(&self.ledger),
            lease: Arc::clone(&started.lease),
            identity: message.event.identity.clone(),
            origin: message.event.origin.clone(),
            target: Arc::clone(target.name()),
            lane,
            attempt: message.attempt,
            generation: message.generation,
            rooms: Arc::new(rooms),
            time: Arc::new(Time::of(self.handler_timeout)),
            in_line: Arc::clone(&started.in_line),
            wait_left: self.wait_max.saturating_sub(waited(message)),
            since_change: since_change(event, age),
            age,
        };
        let (clients, records) = (Arc::clone(&self.clients), self.records.clone());
        Context { run, clients, records, record: work.record.cloned() }
    }

    /// When the end of a step is waited for no longer, once the run's time is up.
    async fn too_late(&self) {
        let interrupted = async {
            self.interrupt.cancelled().await;
            tokio::time::sleep(LAST_STEP).await;
        };
        tokio::select! {
            () = tokio::time::sleep(self.step_timeout) => {}
            () = interrupted => {}
        }
    }

    fn too_slow(&self) -> HandlerError {
        let message = format!("not done within {} ms", self.handler_timeout.as_millis());
        HandlerError::transient("HANDLER_TIMEOUT", message)
    }
}

fn ended(result: Result<HandlerResult, Box<dyn Any + Send>>) -> Outcome {
    match result {
        Ok(Ok(())) => Outcome::Succeeded,
        Ok(Err(error)) => Outcome::Failed(error),
        Err(panic) => Outcome::Failed(HandlerError::transient("PANIC", panic_text(&*panic))),
    }
}

/// How long ago the change happened, which was before the event was received. HubSpot may have been
/// trying for hours to deliver it.
fn since_change(event: &Event, age: Duration) -> Duration {
    let since_ms = event.occurred_at_ms().map(|occurred_ms| now_ms().saturating_sub(occurred_ms));
    since_ms.and_then(|ms| u64::try_from(ms).ok()).map_or(age, Duration::from_millis).max(age)
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without words".to_owned())
}
