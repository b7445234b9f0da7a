//! What a job does by a move of letters.

use super::tally::Progress;

/// What a job does by a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Takes letters for itself, to publish them.
    Claim,
    /// Has published what it had claimed.
    Publish,
    /// Lets go of what it had claimed and cannot publish.
    Refuse,
    /// Lets go of what it had claimed and not begun to publish.
    GiveBack,
    /// Lets go of what it had claimed and begun to publish: who did is gone, or was told of no confirm.
    Leave,
    /// Moves letters, which is all it has to do with them.
    Move,
}

impl Part {
    /// Whether it is about letters that the job has claimed before.
    pub(super) fn is_of_claimed(self) -> bool {
        match self {
            Self::Claim | Self::Move => false,
            Self::Publish | Self::Refuse | Self::GiveBack | Self::Leave => true,
        }
    }

    /// Whether it is about letters whose publishing was begun, if that matters.
    pub(super) fn is_of_begun(self) -> Option<bool> {
        match self {
            Self::GiveBack => Some(false),
            Self::Leave => Some(true),
            Self::Claim | Self::Publish | Self::Refuse | Self::Move => None,
        }
    }

    /// What it changes of the job, where `letters` are moved, of which `last` is the last. Counted
    /// with the claim: a run may end before its letter is known to be published.
    pub(super) fn progress(self, letters: i64, last: i64) -> Progress {
        let none = Progress::default();
        match self {
            Self::Claim => {
                Progress { published: letters, place_id: Some(last), must_run: true, ..none }
            }
            Self::Publish | Self::Leave => none,
            Self::Refuse => {
                Progress { published: -letters, runs: letters, skipped: letters, ..none }
            }
            Self::GiveBack => Progress { published: -letters, ..none },
            Self::Move => Progress {
                published: letters,
                runs: letters,
                succeeded: letters,
                place_id: Some(last),
                must_run: true,
                ..none
            },
        }
    }
}
