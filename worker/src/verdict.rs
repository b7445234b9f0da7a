//! The one table that decides between ack, retry and dead letter.
//!
//! A run ends in an [`Outcome`]; [`decide`] says what that means for the ledger and the
//! message. It is a pure function: nothing is done here.

use std::time::Duration;

use shared::message::DeathReason;
use shared::metrics::label;
use shared::retry::RetrySchedule;

use crate::error::{Failure, HandlerError};
use crate::ledger::Release;

mod wait;

pub(crate) use wait::Wait;

/// Abandoned runs after which an event is held to be what kills its workers.
pub(crate) const MAX_ABANDONED: u32 = 3;

/// Abandoned runs after which an event runs alone. Not after the first: a worker that is killed
/// takes all its runs along, and to go on one by one would hold up everything for hours. What
/// kills its workers is alone in the run that decides.
pub(crate) const ALONE_FROM: u32 = 2;

/// How a run of one target ended, or why there was none.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The handler said so.
    Succeeded,
    /// It had been done before.
    Duplicate,
    /// A later attempt is on its way.
    Stale,
    /// Another run holds the claim.
    Held,
    /// The portal takes up too many runs already: again after the wait.
    Limited(Duration),
    /// Shutdown came first.
    Interrupted,
    /// The handler failed, panicked or took too long.
    Failed(HandlerError),
    /// The claim shows [`MAX_ABANDONED`] runs whose workers died.
    Crashed,
    /// No handler of that name is registered here.
    TargetUnknown,
}

/// What is to become of the ledger's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LedgerMove {
    /// Nothing is held.
    None,
    Complete,
    Release(Release),
}

/// What is to become of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MessageMove {
    /// Done with.
    Ack,
    /// The same attempt again, after this wait.
    Again(Wait),
    /// The same attempt again, after this wait: then its turn comes where there was no room.
    InLine(Wait),
    /// The next attempt, after this wait.
    Retry(Wait),
    /// To the dead letters.
    Dead { reason: DeathReason, code: String, error: String },
    /// Back to its queue as it is.
    Requeue,
}

label! {
    /// What a delivery ended in, for one handler or for none.
    pub(crate) enum Verdict {
        /// The handler did it.
        Succeeded = "succeeded",
        /// Tried again later, with one attempt spent.
        Retried = "retried",
        /// Given up: every attempt failed.
        Exhausted = "exhausted",
        /// Given up: trying again cannot help.
        Permanent = "permanent",
        /// Given up: the bytes are no event.
        Unreadable = "unreadable",
        /// Given up: it takes its workers down.
        Crashed = "crashed",
        /// Not done, for what the handler needs is off: can be run later.
        Skipped = "skipped",
        /// Nothing to do, for the record is no longer there: can be run later.
        Gone = "gone",
        /// It had been done.
        Duplicate = "duplicate",
        /// A later attempt is on its way.
        Stale = "stale",
        /// No handler wants it.
        Unwanted = "unwanted",
        /// The app's own change.
        OwnWrite = "own_write",
        /// Another run holds it: tried again shortly.
        Held = "held",
        /// No room: tried again later.
        Limited = "limited",
        /// Shutdown came first.
        Interrupted = "interrupted",
        /// Another worker took it over.
        Lost = "lost",
    }
}

/// The decision on one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) ledger: LedgerMove,
    pub(crate) message: MessageMove,
}

/// Decides on a run of `attempt` (attempts spent before it) that ended in `outcome`.
pub(crate) fn decide(outcome: &Outcome, attempt: u32, schedule: &RetrySchedule) -> Decision {
    let spent = attempt.saturating_add(1);
    let next = LedgerMove::Release(Release::Next(spent));
    let same = LedgerMove::Release(Release::Same);
    // Never at once: what waits for room, or for another run's end, would go round without end.
    let again = |at_least| MessageMove::Again(Wait { delay: schedule.shortest(), at_least });
    let shortly = || again(Duration::ZERO);
    let retry = |at_least| MessageMove::Retry(Wait { delay: schedule.after(spent), at_least });
    let decision = |verdict, ledger, message| Decision { verdict, ledger, message };
    match outcome {
        Outcome::Succeeded => decision(Verdict::Succeeded, LedgerMove::Complete, MessageMove::Ack),
        Outcome::Duplicate => decision(Verdict::Duplicate, LedgerMove::None, MessageMove::Ack),
        Outcome::Stale => decision(Verdict::Stale, LedgerMove::None, MessageMove::Ack),
        Outcome::Held => decision(Verdict::Held, LedgerMove::None, shortly()),
        Outcome::Limited(wait) => decision(Verdict::Limited, LedgerMove::None, again(*wait)),
        Outcome::Interrupted => decision(Verdict::Interrupted, same, MessageMove::Requeue),
        Outcome::Crashed => decision(
            Verdict::Crashed,
            next,
            dead(
                DeathReason::Crashed,
                "CRASHED",
                &format!("{MAX_ABANDONED} runs in a row ended with their worker process"),
            ),
        ),
        // In the middle of a deploy another worker may know it.
        Outcome::TargetUnknown if spent < schedule.attempts() => {
            decision(Verdict::Retried, LedgerMove::None, retry(Duration::ZERO))
        }
        Outcome::TargetUnknown => decision(
            Verdict::Exhausted,
            LedgerMove::None,
            dead(DeathReason::Exhausted, "TARGET_UNKNOWN", "no handler of that name is registered"),
        ),
        Outcome::Failed(error) => match error.kind {
            Failure::LeaseLost => decision(Verdict::Lost, LedgerMove::None, shortly()),
            Failure::Deferred { wait } => {
                let wait = Wait { delay: schedule.shortest(), at_least: wait };
                decision(Verdict::Limited, same, MessageMove::InLine(wait))
            }
            // Not completed: when it comes again, what it needs may be on. No attempt is spent.
            Failure::Skipped => {
                let same_again = LedgerMove::Release(Release::Next(attempt));
                decision(Verdict::Skipped, same_again, MessageMove::Ack)
            }
            Failure::Gone { may_turn_up: true } if spent < schedule.attempts() => {
                decision(Verdict::Retried, next, retry(Duration::ZERO))
            }
            // The same: what made it look gone, a wrong token for example, may be mended.
            Failure::Gone { .. } => {
                let same_again = LedgerMove::Release(Release::Next(attempt));
                decision(Verdict::Gone, same_again, MessageMove::Ack)
            }
            Failure::Permanent => decision(
                Verdict::Permanent,
                next,
                dead(DeathReason::Permanent, &error.code, &error.message),
            ),
            Failure::Transient { .. } if spent >= schedule.attempts() => decision(
                Verdict::Exhausted,
                next,
                dead(DeathReason::Exhausted, &error.code, &error.message),
            ),
            Failure::Transient { retry_after } => {
                // Or the schedule's if that is longer: a short wait that is asked for each time
                // would else use up all attempts within seconds.
                decision(Verdict::Retried, next, retry(retry_after.unwrap_or_default()))
            }
        },
    }
}

fn dead(reason: DeathReason, code: &str, error: &str) -> MessageMove {
    MessageMove::Dead { reason, code: code.to_owned(), error: error.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule() -> RetrySchedule {
        RetrySchedule::new(SECOND, 5.0, SECOND * 3600, 4).unwrap()
    }

    fn decided(outcome: &Outcome, attempt: u32) -> Decision {
        decide(outcome, attempt, &schedule())
    }

    fn again(at_least: Duration) -> MessageMove {
        MessageMove::Again(Wait { delay: SECOND, at_least })
    }

    fn retry(delay: Duration, at_least: Duration) -> MessageMove {
        MessageMove::Retry(Wait { delay, at_least })
    }

    fn next(attempt: u32) -> LedgerMove {
        LedgerMove::Release(Release::Next(attempt))
    }

    #[test]
    fn success_completes_and_acks() {
        let decision = decided(&Outcome::Succeeded, 2);
        assert_eq!((decision.ledger, decision.message), (LedgerMove::Complete, MessageMove::Ack));
    }

    #[test]
    fn what_is_done_already_is_acked_without_touching_the_ledger() {
        for outcome in [Outcome::Duplicate, Outcome::Stale] {
            let decision = decided(&outcome, 0);
            assert_eq!((decision.ledger, decision.message), (LedgerMove::None, MessageMove::Ack));
        }
    }

    #[test]
    fn waiting_for_room_spends_no_attempt() {
        for outcome in [Outcome::Held, Outcome::Limited(Duration::ZERO)] {
            let decision = decided(&outcome, 3);
            assert_eq!(decision.ledger, LedgerMove::None);
            assert_eq!(decision.message, again(Duration::ZERO));
        }
        let deferred = HandlerError::deferred(SECOND * 7, "HUBSPOT_BUDGET", "spent");
        let decision = decided(&Outcome::Failed(deferred), 3);
        assert_eq!(decision.ledger, LedgerMove::Release(Release::Same));
        let wait = Wait { delay: SECOND, at_least: SECOND * 7 };
        assert_eq!(decision.message, MessageMove::InLine(wait));
    }

    #[test]
    fn what_was_skipped_is_not_remembered_as_done_and_spends_no_attempt() {
        let error = HandlerError::skipped("SLACK_NOT_CONFIGURED", "no token");
        let decision = decided(&Outcome::Failed(error), 2);
        assert_eq!((decision.ledger, decision.message), (next(2), MessageMove::Ack));
    }

    #[test]
    fn a_record_that_is_gone_is_an_end_and_one_that_may_turn_up_is_looked_for_before() {
        let end = |attempt| (Verdict::Gone, next(attempt), MessageMove::Ack);
        let all = |decision: Decision| (decision.verdict, decision.ledger, decision.message);
        let gone = || Outcome::Failed(HandlerError::gone("HUBSPOT_404", "no such deal"));
        assert_eq!(all(decided(&gone(), 0)), end(0), "it can be run again");
        let absent = || Outcome::Failed(HandlerError::not_there_yet("HUBSPOT_404", "no such deal"));
        for (attempt, delay) in [(0, SECOND), (2, SECOND * 25)] {
            let decision = decided(&absent(), attempt);
            assert_eq!((decision.verdict, decision.ledger), (Verdict::Retried, next(attempt + 1)));
            assert_eq!(decision.message, retry(delay, Duration::ZERO));
        }
        assert_eq!(all(decided(&absent(), 3)), end(3), "no letter for what nobody can mend");
    }

    #[test]
    fn shutdown_gives_the_message_back_as_it_is() {
        let decision = decided(&Outcome::Interrupted, 1);
        assert_eq!(decision.ledger, LedgerMove::Release(Release::Same));
        assert_eq!(decision.message, MessageMove::Requeue);
    }

    #[test]
    fn transient_failures_follow_the_schedule_and_then_end() {
        let fail = || Outcome::Failed(HandlerError::transient("SLACK_5XX", "503"));
        for (attempt, delay) in [(0, SECOND), (1, SECOND * 5), (2, SECOND * 25)] {
            let decision = decided(&fail(), attempt);
            assert_eq!(decision.ledger, next(attempt + 1));
            assert_eq!(decision.message, retry(delay, Duration::ZERO));
        }
        let decision = decided(&fail(), 3);
        assert_eq!(decision.verdict, Verdict::Exhausted);
        assert_eq!(decision.ledger, next(4));
        assert_eq!(
            decision.message,
            MessageMove::Dead {
                reason: DeathReason::Exhausted,
                code: "SLACK_5XX".to_owned(),
                error: "503".to_owned()
            }
        );
    }

    #[test]
    fn a_wait_that_was_asked_for_is_passed_on_as_it_is_however_long() {
        for wait in [SECOND * 3, SECOND * 86_400 * 30] {
            let error = HandlerError::retry_after(wait, "SLACK_429", "slow down");
            let decision = decided(&Outcome::Failed(error), 0);
            assert_eq!(decision.message, retry(SECOND, wait));
            let error = HandlerError::deferred(wait, "HUBSPOT_BUDGET", "spent");
            let in_line = MessageMove::InLine(Wait { delay: SECOND, at_least: wait });
            assert_eq!(decided(&Outcome::Failed(error), 0).message, in_line);
            assert_eq!(decided(&Outcome::Limited(wait), 0).message, again(wait));
        }
    }

    #[test]
    fn a_short_wait_that_was_asked_for_does_not_shorten_the_schedule() {
        let error = HandlerError::retry_after(SECOND, "SLACK_429", "slow down");
        let decision = decided(&Outcome::Failed(error), 2);
        assert_eq!(decision.message, retry(SECOND * 25, SECOND));
    }

    #[test]
    fn permanence_and_crashes_end_at_once() {
        let permanent = decided(&Outcome::Failed(HandlerError::permanent("ERP_422", "no")), 0);
        assert_eq!((permanent.verdict, permanent.ledger), (Verdict::Permanent, next(1)));
        let crashed = decided(&Outcome::Crashed, 0);
        assert_eq!((crashed.verdict, crashed.ledger), (Verdict::Crashed, next(1)));
        for decision in [permanent, crashed] {
            assert!(matches!(decision.message, MessageMove::Dead { .. }), "{decision:?}");
        }
    }

    #[test]
    fn a_handler_that_is_not_here_may_be_elsewhere_and_then_the_event_ends() {
        let first = decided(&Outcome::TargetUnknown, 0);
        assert_eq!((first.verdict, first.ledger), (Verdict::Retried, LedgerMove::None));
        let last = decided(&Outcome::TargetUnknown, 3);
        assert_eq!((last.verdict, last.ledger), (Verdict::Exhausted, LedgerMove::None));
        assert!(matches!(last.message, MessageMove::Dead { .. }));
    }

    #[test]
    fn a_run_that_was_taken_over_writes_nothing_and_comes_back_later() {
        let decision = decided(&Outcome::Failed(HandlerError::lease_lost()), 2);
        assert_eq!(decision.ledger, LedgerMove::None);
        assert!(matches!(decision.message, MessageMove::Again(_)));
    }

    #[test]
    fn the_dashboard_has_a_colour_for_each() {
        let dashboard = include_str!("../../k8s/monitoring/dashboard.json");
        for verdict in Verdict::ALL {
            let named = format!(r#""options": "{}""#, verdict.as_str());
            assert!(dashboard.contains(&named), "{}", verdict.as_str());
        }
    }
}
