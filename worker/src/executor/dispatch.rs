//! For whom a delivery is: its target, all that want the event, or nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::future::join_all;
use shared::broker::Lane;
use shared::event::Event;
use shared::message::{DeathReason, Message};

use super::disposition::Disposition;
use super::part::Part;
use super::perform::panic_text;
use super::settle::Unit;
use super::{Executor, no_handler};
use crate::error::HandlerError;
use crate::records::{Course, Logged};
use crate::settings::UnknownTenant;
use crate::shared_record::SharedRecord;
use crate::target::Target;
use crate::verdict::{Decision, LedgerMove, MessageMove, Outcome, Verdict, decide};

impl Executor {
    /// Runs every target of the event; a message that names its target runs that one alone.
    pub(super) async fn dispatch(&self, message: &Message, lane: Lane) -> Disposition {
        let event = &message.event;
        if self.own_writes.skips(event) {
            return self.skip(message, event, Verdict::OwnWrite);
        }
        // Whatever takes its place meanwhile.
        let table = self.router.table();
        if let Some(name) = &message.target {
            let target = table.get(name);
            let (names, record) = (&[][..], None);
            return self.run(Part { message, event, lane, name, target, names, record }).await;
        }
        let targets = match catch_unwind(AssertUnwindSafe(|| table.targets_of(event))) {
            Ok(targets) => targets,
            Err(panic) => {
                return self.unrouted(message, event, &panic_text(&*panic), lane).await;
            }
        };
        let names: Vec<Arc<str>> = targets.iter().map(|target| target.name().clone()).collect();
        let record = SharedRecord::of(targets.iter().filter_map(|target| target.reads()));
        let part = |target| Part {
            message,
            event,
            lane,
            name: Target::name(target),
            target: Some(target),
            names: &names,
            record: record.as_ref(),
        };
        if table.may_have_tenants() && !table.is_tenant(&event.origin) {
            if table.has_tenants() {
                self.metrics.unknown_tenant();
                self.strangers.note(&event.origin);
            }
            if self.unknown_tenant == UnknownTenant::DeadLetter && targets.is_empty() {
                return self.of_nobody(message, event, lane).await;
            }
        }
        if let [only] = targets[..] {
            return self.run(part(only)).await;
        }
        if targets.is_empty() {
            return self.skip(message, event, Verdict::Unwanted);
        }
        let runs = targets.into_iter().map(|target| self.run(part(target)));
        // Targets that are done are found so when the message comes again for the others.
        if join_all(runs).await.contains(&Disposition::Requeue) {
            Disposition::Requeue
        } else {
            Disposition::Ack
        }
    }

    /// Keeps what became of a delivery.
    pub(super) fn note(&self, message: &Message, event: Option<&Event>, course: &Course<'_>) {
        if let Some(log) = &self.log {
            log.write(Logged::new(message, event, course));
        }
    }

    fn skip(&self, message: &Message, event: &Event, verdict: Verdict) -> Disposition {
        self.metrics.delivery(no_handler(), verdict.as_str());
        let course = Course { target: message.target.as_deref(), ..Course::now(verdict) };
        self.note(message, Some(event), &course);
        tracing::debug!(
            event.id = %message.event.identity,
            event.r#type = &*message.event.topic,
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
        self.end_without_a_handler(message, Some(event), lane, decision, ("PANIC", panic)).await
    }

    /// There are tenants, and the event is none of theirs.
    async fn of_nobody(&self, message: &Message, event: &Event, lane: Lane) -> Disposition {
        let (code, error) = ("TENANT_UNKNOWN", "the event's origin is no tenant's");
        let decision = decide(
            &Outcome::Failed(HandlerError::permanent(code, error)),
            message.attempt,
            &self.schedule,
        );
        self.end_without_a_handler(message, Some(event), lane, decision, (code, error)).await
    }

    pub(super) async fn unreadable(
        &self,
        message: &Message,
        error: &str,
        lane: Lane,
    ) -> Disposition {
        tracing::warn!(event.id = %message.event.identity, origin = %message.event.origin, error, "event unreadable");
        let decision = Decision {
            verdict: Verdict::Unreadable,
            ledger: LedgerMove::None,
            message: MessageMove::Dead {
                reason: DeathReason::Unreadable,
                code: "UNREADABLE".to_owned(),
                error: error.to_string(),
            },
        };
        self.end_without_a_handler(message, None, lane, decision, ("UNREADABLE", error)).await
    }

    async fn end_without_a_handler(
        &self,
        message: &Message,
        event: Option<&Event>,
        lane: Lane,
        decision: Decision,
        error: (&str, &str),
    ) -> Disposition {
        let label = no_handler();
        let unit =
            Unit { message, lane, target: None, label, lease: None, places: &[], is_pause: false };
        let settled = self.settle(&unit, decision).await;
        self.metrics.delivery(label, settled.verdict.as_str());
        let error = Some(error);
        self.note(message, event, &Course { error, ..Course::now(settled.verdict) });
        settled.disposition
    }
}
