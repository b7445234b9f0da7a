//! What became of a message that a job had published.

use std::sync::Arc;

use crate::verdict::Verdict;

/// What a message of a run came to that a job had published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::records) enum End {
    Succeeded,
    /// It failed and is tried again by itself.
    Failed,
    Died,
    /// There was nothing to do.
    Skipped,
    /// There was a later attempt: perhaps the job's own, of another copy of the message.
    Stale,
}

impl End {
    /// Of a run with this verdict; `None` if it ends in a letter that tells, or only waits.
    pub(in crate::records) fn of_verdict(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Succeeded => Some(Self::Succeeded),
            Verdict::Retried => Some(Self::Failed),
            Verdict::Stale => Some(Self::Stale),
            Verdict::Duplicate
            | Verdict::Unwanted
            | Verdict::OwnWrite
            | Verdict::Skipped
            | Verdict::Gone => Some(Self::Skipped),
            _ => None,
        }
    }

    /// As `recent` has it; nothing of what says nothing about how runs fare.
    pub(super) fn letter(self) -> Option<char> {
        match self {
            Self::Succeeded => Some('s'),
            Self::Failed => Some('f'),
            Self::Died => Some('d'),
            Self::Skipped | Self::Stale => None,
        }
    }
}

/// What became of a message of a job.
#[derive(Clone, Debug)]
pub(in crate::records) struct Ended {
    pub(in crate::records) job_id: i64,
    pub(in crate::records) identity: String,
    /// Empty if it was for no handler.
    pub(in crate::records) target: String,
    /// Generation and attempt that the job had published it as.
    pub(in crate::records) published_as: (i64, i64),
    /// None if that is still to come, or comes with a letter.
    pub(in crate::records) end: Option<End>,
    /// Of a message to all handlers: those that want it.
    pub(in crate::records) targets: Vec<Arc<str>>,
}
