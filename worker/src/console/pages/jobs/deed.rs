//! What people can do to a job.

use crate::records::jobs::JobState;

/// What can be done to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Pause,
    Resume,
    Cancel,
}

impl Deed {
    const ALL: [Self; 3] = [Self::Pause, Self::Resume, Self::Cancel];

    /// By the word of its address.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Pause => "Pause",
            Self::Resume => "Resume",
            Self::Cancel => "Cancel the job",
        }
    }

    /// The class of its button.
    pub(super) fn tone(self) -> &'static str {
        match self {
            Self::Pause => "plain",
            Self::Resume => "primary",
            Self::Cancel => "danger",
        }
    }

    /// What can be done to a job in this state.
    pub(super) fn on(state: JobState) -> Vec<Self> {
        match state {
            JobState::Running => vec![Self::Pause, Self::Cancel],
            JobState::Paused | JobState::Stopped => vec![Self::Resume, Self::Cancel],
            JobState::Cancelling | JobState::Cancelled | JobState::Done | JobState::Unknown => {
                Vec::new()
            }
        }
    }
}
