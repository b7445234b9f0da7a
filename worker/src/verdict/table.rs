//! The table itself: from an outcome to a decision, a pure function.

use std::time::Duration;

use shared::message::DeathReason;
use shared::retry::RetrySchedule;

use super::suspicion::MAX_ABANDONED;
use super::{Decision, LedgerMove, MessageMove, Outcome, Verdict, Wait};
use crate::error::Failure;
use crate::ledger::Release;

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
                &format!("{MAX_ABANDONED} runs or more ended with their worker process"),
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
            // If it is the event's own, that is found before anything is written; else that goes back.
            Failure::LeaseLost => decision(Verdict::Lost, same, shortly()),
            Failure::Deferred { wait } => {
                let wait = Wait { delay: schedule.shortest(), at_least: wait };
                decision(Verdict::Limited, LedgerMove::PutOff, MessageMove::InLine(wait))
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
mod tests;
