//! What happens to one delivery: find its targets, run each under its own claim, settle.
//!
//! The pieces: `run` (claim, limits, the handler), `settle` (carries a verdict out), `hop` (what is
//! still to wait). What a result means is decided by [`crate::verdict`] alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use shared::broker::{Delivery, Lane, MalformedMessage, Publisher};
use shared::clock::now_ms;
use shared::event::Event;
use shared::message::{DeathReason, Message};
use shared::retry::{Ladder, RetrySchedule};
use shared::senders::Sender;
use shared::trace::Tracer;
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;

use crate::ages::Ages;
use crate::clients::Clients;
use crate::error::HandlerError;
use crate::ledger::Ledger;
use crate::metrics::WorkerMetrics;
use crate::portals::Portals;
use crate::records::{Course, Log, Logged, Records};
use crate::registry::{Handler, Registry};
use crate::turns::{Costs, Seats};
use crate::verdict::{Decision, LedgerMove, MessageMove, Outcome, Verdict, decide};

mod hop;
mod run;
mod settle;

use settle::{Disposition, Unit};

/// The label of what no handler was run for.
pub(crate) const NO_HANDLER: &str = "none";

/// Everything a delivery needs on its way through a worker.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) registry: Registry,
    pub(crate) clients: Arc<Clients>,
    pub(crate) ledger: Arc<Ledger>,
    /// Where it is kept what became of each delivery, if anywhere.
    pub(crate) log: Option<Log>,
    /// What handlers may erase from, if records are kept.
    pub(crate) records: Option<Records>,
    pub(crate) publisher: Publisher,
    pub(crate) schedule: RetrySchedule,
    /// The schedule's.
    pub(crate) ladder: Ladder,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) ages: Arc<Ages>,
    pub(crate) tracer: Tracer,
    pub(crate) handler_timeout: Duration,
    /// How long a run may wait for room.
    pub(crate) wait_max: Duration,
    /// How many requests runs make.
    pub(crate) costs: Arc<Costs>,
    /// Where runs wait whose turn is near.
    pub(crate) seats: Arc<Seats>,
    /// What is done with the app's own writes.
    pub(crate) own_writes: OwnWrites,
    pub(crate) portals: Portals,
    /// Held for reading by every run and for writing by one that must be alone.
    pub(crate) alone: RwLock<()>,
    /// Cancelled when shutdown can wait no longer.
    pub(crate) interrupt: CancellationToken,
}

/// What is done with changes that the app itself made. Acted on, a handler that writes what it
/// listens to would call itself for ever. Which these are is the sender's to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnWrites {
    pub(crate) handled: bool,
    /// The app's id beside the one each event names.
    pub(crate) app_id: Option<u64>,
}

impl OwnWrites {
    fn skips(self, event: &Event) -> bool {
        !self.handled && event.is_own_write(self.app_id)
    }
}

impl Executor {
    /// Sees one delivery through to its end.
    pub(crate) async fn process(&self, delivery: Delivery) {
        self.metrics.in_flight.inc();
        let Delivery { message, lane, rest, settlement } = delivery;
        let disposition = match message {
            Ok(message) if !rest.is_zero() => self.hop(message, lane, rest).await,
            message => self.work_on(message, lane).await,
        };
        match disposition {
            Disposition::Ack => settlement.ack(),
            Disposition::Requeue => settlement.requeue(),
        }
        self.metrics.in_flight.dec();
    }

    async fn work_on(&self, message: Result<Message, MalformedMessage>, lane: Lane) -> Disposition {
        match read(message) {
            Ok(message) => self.dispatch(&message, &message.event, lane).await,
            Err(unreadable) => {
                let (message, error) = *unreadable;
                self.unreadable(&message, &error, lane).await
            }
        }
    }

    /// Runs every target of the event; a message that names its target runs that one alone.
    async fn dispatch(&self, message: &Message, event: &Event, lane: Lane) -> Disposition {
        if self.own_writes.skips(event) {
            return self.skip(message, event, Verdict::OwnWrite);
        }
        if let Some(target) = &message.target {
            let handler = self.registry.get(target);
            return self.run_target(message, event, lane, target, handler, &[]).await;
        }
        let wanting = || self.registry.wanting(event).collect::<Vec<&Handler>>();
        let targets = match catch_unwind(AssertUnwindSafe(wanting)) {
            Ok(targets) => targets,
            Err(panic) => {
                return self.unrouted(message, event, &run::panic_text(&*panic), lane).await;
            }
        };
        let names: Vec<&'static str> = targets.iter().map(|handler| handler.name()).collect();
        let run = |handler| {
            let name = Handler::name(handler);
            self.run_target(message, event, lane, name, Some(handler), &names)
        };
        if let [only] = targets[..] {
            return run(only).await;
        }
        if targets.is_empty() {
            return self.skip(message, event, Verdict::Unwanted);
        }
        let runs = targets.into_iter().map(run);
        // Targets that are done are found so when the message comes again for the others.
        if join_all(runs).await.contains(&Disposition::Requeue) {
            Disposition::Requeue
        } else {
            Disposition::Ack
        }
    }

    /// Keeps what became of a delivery.
    fn note(&self, message: &Message, event: Option<&Event>, course: &Course<'_>) {
        if let Some(log) = &self.log {
            log.write(Logged::new(message, event, course));
        }
    }

    fn skip(&self, message: &Message, event: &Event, verdict: Verdict) -> Disposition {
        self.metrics.delivery(NO_HANDLER, verdict);
        let course = Course { target: message.target.as_deref(), ..Course::now(verdict) };
        self.note(message, Some(event), &course);
        tracing::debug!(
            event.id = %message.event.identity,
            event.r#type = message.event.topic,
            origin = %message.event.origin,
            verdict = verdict.as_str(),
            "event skipped"
        );
        Disposition::Ack
    }

    /// Whether a handler wants it ended in a panic: tried again like any other, since left to
    /// itself the message would come back at once and without end.
    async fn unrouted(
        &self,
        message: &Message,
        event: &Event,
        panic: &str,
        lane: Lane,
    ) -> Disposition {
        let error = HandlerError::transient("PANIC", panic);
        tracing::warn!(event.id = %message.event.identity, error.message = panic, "routing failed");
        let decision = decide(&Outcome::Failed(error), message.attempt, &self.schedule);
        self.metrics.delivery(NO_HANDLER, decision.verdict);
        let unit = Unit { message, lane, target: NO_HANDLER, lease: None, places: &[] };
        let settled = self.settle(&unit, decision).await;
        let error = Some(("PANIC", panic));
        self.note(message, Some(event), &Course { error, ..Course::now(settled.verdict) });
        settled.disposition
    }

    async fn unreadable(&self, message: &Message, error: &str, lane: Lane) -> Disposition {
        tracing::warn!(
            event.id = %message.event.identity,
            origin = %message.event.origin,
            error,
            "event unreadable"
        );
        self.metrics.delivery(NO_HANDLER, Verdict::Unreadable);
        let unit = Unit { message, lane, target: NO_HANDLER, lease: None, places: &[] };
        let decision = Decision {
            verdict: Verdict::Unreadable,
            ledger: LedgerMove::None,
            message: MessageMove::Dead {
                reason: DeathReason::Unreadable,
                code: "UNREADABLE".to_owned(),
                error: error.to_string(),
            },
        };
        let settled = self.settle(&unit, decision).await;
        let error = Some(("UNREADABLE", error));
        self.note(message, None, &Course { error, ..Course::now(settled.verdict) });
        settled.disposition
    }
}

/// The message, if its event can be read. What came without Hubline's headers is taken as a fresh event
/// of HubSpot's if it can be read as one.
fn read(message: Result<Message, MalformedMessage>) -> Result<Message, Box<(Message, String)>> {
    let unreadable = |body| Message::fresh(Event::unreadable(Sender::HubSpot, body), now_ms());
    match message {
        Ok(message) => match message.event.readable() {
            Ok(()) => Ok(message),
            Err(error) => Err(Box::new((message, error.to_string()))),
        },
        Err(MalformedMessage { is_foreign: false, what, body }) => {
            Err(Box::new((unreadable(body), what.to_owned())))
        }
        Err(MalformedMessage { body, .. }) => match Sender::HubSpot.identify(&body) {
            Ok(event) => Ok(Message::fresh(event, now_ms())),
            Err(error) => Err(Box::new((unreadable(body), error.to_string()))),
        },
    }
}
