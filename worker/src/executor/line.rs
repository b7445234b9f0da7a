//! What the line of a record is told of a run that was settled.

use std::time::Duration;

use crate::order::Word;
use crate::verdict::{Decision, MessageMove, Verdict};

/// When a message comes back, if it does.
pub(super) fn back(decision: &Decision) -> Duration {
    match &decision.message {
        MessageMove::Again(wait) | MessageMove::InLine(wait) | MessageMove::Retry(wait) => {
            wait.delay.max(wait.at_least)
        }
        MessageMove::Ack | MessageMove::Dead { .. } | MessageMove::Requeue => Duration::ZERO,
    }
}

/// What the line is told; `None` if another run has the event and its place by now.
pub(super) fn word(verdict: Verdict, back: Duration) -> Option<Word> {
    match verdict {
        Verdict::Succeeded
        | Verdict::Duplicate
        | Verdict::Skipped
        | Verdict::Gone
        | Verdict::Unwanted
        | Verdict::OwnWrite => Some(Word::Done),
        Verdict::Exhausted | Verdict::Permanent | Verdict::Unreadable | Verdict::Crashed => {
            Some(Word::Dead)
        }
        Verdict::Retried => Some(Word::Failed(back)),
        Verdict::Held | Verdict::Limited | Verdict::Interrupted => Some(Word::PutOff(back)),
        Verdict::Stale | Verdict::Lost => None,
    }
}
