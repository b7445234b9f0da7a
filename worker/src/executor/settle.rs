//! Carries a verdict out, always in the same order: publish the successor, wait for its
//! confirm, write the ledger, then tell the caller what to do with the delivery. A crash between
//! any two steps makes a duplicate, never a loss.

use std::time::Duration;

use shared::broker::{Lane, Publication, Route};
use shared::clock::now_ms;
use shared::message::{Death, Message, Waiting};
use shared::retry::Reconnect;
use tokio::time::Instant;

use super::{Executor, NO_HANDLER};
use crate::error::HandlerError;
use crate::ledger::{Lease, Release};
use crate::verdict::{Decision, LedgerMove, MessageMove, Outcome, Verdict, Wait, decide};

/// How long one try to publish a successor may take; there is always another.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

/// How long shutdown waits for a confirm.
const LAST_PUBLISH: Duration = Duration::from_secs(1);

/// What is left to do with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    Ack,
    Requeue,
}

/// How a verdict was carried out.
pub(super) struct Settled {
    pub(super) disposition: Disposition,
    /// The one that stood in the end.
    pub(super) verdict: Verdict,
}

/// One target's share of a delivery.
pub(super) struct Unit<'a> {
    pub(super) message: &'a Message,
    pub(super) lane: Lane,
    pub(super) target: &'a str,
    pub(super) lease: Option<&'a Lease>,
    /// The limits at which it need not queue when it comes back.
    pub(super) places: &'a [String],
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
        if let Some(disposition) = self.try_to_carry_out(unit, decision).await {
            return Settled { disposition, verdict };
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
        let carried_out = self.try_to_carry_out(&unit, decision).await;
        Settled { disposition: carried_out.unwrap_or(Disposition::Requeue), verdict }
    }

    /// `None` if the lease is lost and nothing was done.
    async fn try_to_carry_out(&self, unit: &Unit<'_>, decision: Decision) -> Option<Disposition> {
        if decision.message == MessageMove::Requeue {
            self.write_ledger(unit, decision.ledger).await;
            return Some(Disposition::Requeue);
        }
        if decision.message != MessageMove::Ack {
            // Before anything is published: a run that was taken over while its process stood
            // still would put a retry or a dead letter beside the other run's success.
            if let Some(lease) = unit.lease
                && !self.ledger.extend(lease).await
            {
                return None;
            }
            if let Some(successor) = self.successor(unit, &decision.message)
                && !self.publish(successor).await
            {
                // Given back, or the claim would count as abandoned once its lease ran out.
                self.write_ledger(unit, LedgerMove::Release(Release::Same)).await;
                return Some(Disposition::Requeue);
            }
        }
        let written = self.write_ledger(unit, decision.ledger).await;
        (written || decision.ledger != LedgerMove::Complete).then_some(Disposition::Ack)
    }

    /// The message that carries the event on, if any.
    fn successor(&self, unit: &Unit<'_>, message_move: &MessageMove) -> Option<Publication> {
        let Unit { message, lane, target, .. } = *unit;
        let named = (target != NO_HANDLER).then_some(target);
        let later = |wait: Wait, message: Message| {
            let wait = wait.spread();
            self.metrics.delayed(self.ladder.hop(wait).delay);
            Publication { route: Route::Later { lane, wait }, message }
        };
        // Why ever it comes back, it does not queue again where it has been.
        let after = |wait: Duration, message: Message| {
            let waiting = message.waiting.unwrap_or_default();
            let waiting = waiting.and(wait, unit.places.iter().cloned());
            let waiting = Some(waiting).filter(|waiting| *waiting != Waiting::default());
            Message { waiting, ..message }
        };
        match message_move {
            MessageMove::Ack | MessageMove::Requeue => None,
            MessageMove::Again(wait) => Some(later(*wait, message.same_attempt(named))),
            MessageMove::InLine(wait) => {
                Some(later(*wait, after(wait.at_least, message.same_attempt(named))))
            }
            MessageMove::Retry(wait) => {
                Some(later(*wait, after(Duration::ZERO, message.next_attempt(named))))
            }
            MessageMove::Dead { reason, code, error } => {
                let handler =
                    self.registry.get(target).map_or(NO_HANDLER, |handler| handler.name());
                self.metrics.died(handler, *reason);
                let steps = unit.lease.map(Lease::step_names).unwrap_or_default();
                let death = Death::new(*reason, code, error, now_ms()).after(steps);
                Some(Publication {
                    route: Route::Dead,
                    message: message.next_attempt(named).dead(death),
                })
            }
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
        }
    }
}
