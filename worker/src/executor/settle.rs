//! Carries a verdict out, always in the same order: publish the successor, wait for its
//! confirm, write the ledger, then tell the caller what to do with the delivery. A crash between
//! any two steps makes a duplicate, never a loss.

use std::sync::Arc;
use std::time::Duration;

use shared::broker::{Lane, Publication, Route};
use shared::clock::now_ms;
use shared::message::{Death, Message, Waiting};
use shared::retry::Reconnect;
use tokio::time::Instant;

use super::Executor;
use super::disposition::Disposition;
use crate::error::HandlerError;
use crate::ledger::{Lease, Release};
use crate::verdict::{
    Decision, LedgerMove, MessageMove, Outcome, Suspicion, Verdict, Wait, decide,
};

/// How long one try to publish a successor may take; there is always another.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

/// How long shutdown waits for a confirm.
const LAST_PUBLISH: Duration = Duration::from_secs(1);

/// How a verdict was carried out.
pub(super) struct Settled {
    pub(super) disposition: Disposition,
    /// The one that stood in the end.
    pub(super) verdict: Verdict,
}

impl Settled {
    /// No successor could be published before shutdown: it comes again as it was.
    const CUT_OFF: Self = Self { disposition: Disposition::Requeue, verdict: Verdict::Interrupted };
}

/// How far a decision was carried out.
enum Carried {
    Out(Disposition),
    /// Nothing was published, and the claim is given back.
    CutOff,
    /// The lease is lost, and nothing was done.
    Lost,
}

/// What is to be settled.
#[derive(Clone, Copy)]
pub(super) struct Unit<'a> {
    pub(super) message: &'a Message,
    pub(super) lane: Lane,
    /// `None` if it is for no target.
    pub(super) target: Option<&'a str>,
    /// The target as it is counted.
    pub(super) label: &'a Arc<str>,
    pub(super) lease: Option<&'a Lease>,
    /// The limits at which it need not queue when it comes back.
    pub(super) places: &'a [String],
    /// Whether it waits for somebody who resumes what it is for.
    pub(super) is_pause: bool,
}

impl Executor {
    pub(super) async fn settle(&self, unit: &Unit<'_>, decision: Decision) -> Settled {
        let (Some(lease), false) = (unit.lease, decision.message == MessageMove::Ack) else {
            // Nothing to publish, one call to the ledger at most.
            return self.carry_out(unit, decision).await;
        };
        // The broker may be slow: the claim must not run out meanwhile. What it means that it
        // did all the same, `carry_out` finds out by itself.
        let extending = async {
            self.ledger.until_lost(lease).await;
            std::future::pending().await
        };
        tokio::select! {
            biased;
            settled = Box::pin(self.carry_out(unit, decision)) => settled,
            never = extending => never,
        }
    }

    async fn carry_out(&self, unit: &Unit<'_>, decision: Decision) -> Settled {
        let verdict = decision.verdict;
        match self.try_to_carry_out(unit, decision).await {
            Carried::Out(disposition) => return Settled { disposition, verdict },
            Carried::CutOff => return Settled::CUT_OFF,
            Carried::Lost => {}
        }
        // Taken over: what becomes of the event is the other run's to say.
        tracing::warn!(
            event.id = %unit.message.event.identity,
            handler = unit.target,
            verdict = verdict.as_str(),
            "lease lost before the verdict could be carried out"
        );
        let outcome = Outcome::Failed(HandlerError::lease_lost());
        let decision = decide(&outcome, unit.message.attempt, &self.schedule);
        let (unit, verdict) = (Unit { lease: None, ..*unit }, decision.verdict);
        match self.try_to_carry_out(&unit, decision).await {
            Carried::Out(disposition) => Settled { disposition, verdict },
            Carried::CutOff | Carried::Lost => Settled::CUT_OFF,
        }
    }

    async fn try_to_carry_out(&self, unit: &Unit<'_>, decision: Decision) -> Carried {
        if decision.message == MessageMove::Requeue {
            self.write_ledger(unit, decision.ledger).await;
            return Carried::Out(Disposition::Requeue);
        }
        if decision.message != MessageMove::Ack {
            // Before anything is published: a run that was taken over while its process stood
            // still would put a retry or a dead letter beside the other run's success. Who is only
            // put off comes back as it was: its next claim tells it what the other run has made of it.
            if decision.ledger != LedgerMove::PutOff
                && let Some(lease) = unit.lease
                && !self.ledger.extend(lease).await
            {
                return Carried::Lost;
            }
            if let Some(successor) = successor(unit, &decision.message) {
                let route = successor.route;
                // Boxed, as most runs have no successor: what each holds is as large as its largest part.
                if !Box::pin(self.publish(successor)).await {
                    // Given back, or the claim would count as abandoned once its lease ran out.
                    self.write_ledger(unit, LedgerMove::Release(Release::Same)).await;
                    return Carried::CutOff;
                }
                self.count(unit, route, &decision.message);
            }
        }
        let written = self.write_ledger(unit, decision.ledger).await;
        if written || decision.ledger != LedgerMove::Complete {
            Carried::Out(Disposition::Ack)
        } else {
            Carried::Lost
        }
    }

    /// Counts what has been published.
    fn count(&self, unit: &Unit<'_>, route: Route, message_move: &MessageMove) {
        if let Route::Later { wait, .. } = route {
            self.metrics.delayed(self.ladder.hop(wait).delay);
        }
        if let MessageMove::Dead { reason, .. } = message_move {
            self.metrics.died(unit.label, *reason);
        }
    }

    /// Publishes until it is confirmed; false if shutdown could not wait for that.
    pub(super) async fn publish(&self, publication: Publication) -> bool {
        let mut reconnect = Reconnect::default();
        loop {
            let deadline = Instant::now() + PUBLISH_TIMEOUT;
            let publishing = self.publisher.publish(vec![publication.clone()], deadline);
            let too_late = async {
                self.interrupt.cancelled().await;
                tokio::time::sleep(LAST_PUBLISH).await;
            };
            let error = tokio::select! {
                published = publishing => match published {
                    Ok(()) => break,
                    Err(error) => error,
                },
                () = too_late => return false,
            };
            tracing::debug!(error = error.as_str(), "successor not confirmed, trying again");
            tokio::select! {
                () = tokio::time::sleep(reconnect.next_delay()) => {}
                () = self.interrupt.cancelled() => return false,
            }
        }
        if let Route::Later { lane: Lane::Work, wait } = publication.route {
            self.ages.delayed(publication.message.received_ms, self.ladder.at_most(wait));
        }
        true
    }

    async fn write_ledger(&self, unit: &Unit<'_>, ledger_move: LedgerMove) -> bool {
        match (ledger_move, unit.lease) {
            (LedgerMove::None, _) | (_, None) => true,
            (LedgerMove::Complete, Some(lease)) => self.ledger.complete(lease).await,
            (LedgerMove::Release(release), Some(lease)) => {
                self.ledger.release(lease, release).await
            }
            (LedgerMove::PutOff, Some(lease)) => {
                let abandoned = Suspicion::once_put_off(lease.abandoned);
                self.ledger.release(lease, Release::PutOff(abandoned)).await
            }
        }
    }
}

/// The message that carries the event on, if any.
fn successor(unit: &Unit<'_>, message_move: &MessageMove) -> Option<Publication> {
    let Unit { message, lane, target, .. } = *unit;
    let later = |wait: Wait, message: Message| Publication {
        route: Route::Later { lane, wait: wait.spread() },
        message,
    };
    // Why ever it comes back, it does not queue again where it has been.
    let after = |wait: Duration, message: Message| {
        let waiting = message.waiting.unwrap_or_default();
        let places = unit.places.iter().cloned();
        let waiting =
            if unit.is_pause { waiting.and_pause(wait, places) } else { waiting.and(wait, places) };
        let waiting = Some(waiting).filter(|waiting| *waiting != Waiting::default());
        Message { waiting, ..message }
    };
    match message_move {
        MessageMove::Ack | MessageMove::Requeue => None,
        MessageMove::Again(wait) => Some(later(*wait, message.same_attempt(target))),
        MessageMove::InLine(wait) => {
            Some(later(*wait, after(wait.at_least, message.same_attempt(target))))
        }
        MessageMove::Retry(wait) => {
            Some(later(*wait, after(Duration::ZERO, message.next_attempt(target))))
        }
        MessageMove::Dead { reason, code, error } => {
            let steps = unit.lease.map(Lease::step_names).unwrap_or_default();
            let death = Death::new(*reason, code, error, now_ms()).after(steps);
            Some(Publication {
                route: Route::Dead,
                message: message.next_attempt(target).dead(death),
            })
        }
    }
}
