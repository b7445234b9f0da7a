//! What can be done to letters, and how it is told. Each is planned first, with a time after which
//! nothing counts any more, and done when the plan was agreed to.

use std::time::Duration;

use super::parts::count_of;
use crate::records::dead_letters::{DeadLetters, Filter, State};
use crate::when;

/// What can be done to letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Discard,
    Restore,
}

impl Action {
    const ALL: [Self; 2] = [Self::Discard, Self::Restore];

    /// By the word of its address.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// The word in addresses and on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Discard => "discard",
            Self::Restore => "restore",
        }
    }

    /// What can be done to letters in this state; in a list of all states, nothing.
    pub(super) fn on(state: Option<State>) -> Vec<Self> {
        Self::ALL.into_iter().filter(|action| state == Some(action.from())).collect()
    }

    /// What it begins with.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Discard => "Discard",
            Self::Restore => "Restore",
        }
    }

    /// The letters that it is for.
    pub(super) fn from(self) -> State {
        match self {
            Self::Discard => State::Dead,
            Self::Restore => State::Discarded,
        }
    }

    /// What will come of it.
    pub(super) fn meaning(self, retention: Duration) -> String {
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        match self {
            Self::Discard => format!(
                "Nobody will try these events again. They can be restored for {}, and are deleted \
                 then.",
                when::rough(retention_ms)
            ),
            Self::Restore => "They become dead letters again, as they were.".to_owned(),
        }
    }

    /// Whether it takes something away.
    pub(super) fn is_dangerous(self) -> bool {
        self == Self::Discard
    }

    /// What was done, to so many of those that were planned.
    pub(super) fn done(self, count: i64, planned: i64) -> String {
        let letters = count_of(count, "letter", "letters");
        let what = match self {
            Self::Discard => format!("{letters} discarded."),
            Self::Restore => format!("{letters} restored."),
        };
        match planned - count {
            left @ 1.. => format!(
                "{what} {} meanwhile in another state and left alone.",
                count_of(left, "was", "were")
            ),
            _ => what,
        }
    }
}

/// An action that was agreed to.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) action: Action,
    pub(super) filter: Filter,
    /// What came into its state later is left alone.
    pub(super) cutoff_ms: i64,
    pub(super) who: String,
}

impl Order {
    /// Does it; tells to how many letters.
    pub(super) async fn carry_out(
        &self,
        letters: &DeadLetters,
        retention: Duration,
    ) -> anyhow::Result<u64> {
        let Self { action, filter, cutoff_ms, who } = self;
        match action {
            Action::Discard => letters.discard(filter, *cutoff_ms, who).await,
            Action::Restore => letters.restore(filter, *cutoff_ms, retention, who).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_with_what_was_not() {
        assert_eq!(Action::Discard.done(1200, 1200), "1,200 letters discarded.");
        let partly = "1 letter restored. 2 were meanwhile in another state and left alone.";
        assert_eq!(Action::Restore.done(1, 3), partly);
        for action in Action::ALL {
            assert_eq!(Action::named(action.name()), Some(action));
        }
        assert_eq!(Action::named("retry"), None);
    }
}
