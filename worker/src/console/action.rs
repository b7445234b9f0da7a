//! What can be done to letters, in people's words and in addresses. Each is planned first, with a time
//! after which nothing counts any more, and is a job once the plan was agreed to.

use std::time::Duration;

use crate::records::dead_letters::{Filter, State};
pub(super) use crate::records::jobs::Action;
use crate::records::jobs::Scope;
use crate::when;

impl Action {
    /// By the word of its address.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// The word in addresses.
    pub(super) fn name(self) -> &'static str {
        self.kind().as_str()
    }

    /// What it is called on the command line.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Restart => "retry --from-start",
            Self::Retry | Self::Discard | Self::Restore => self.name(),
        }
    }

    /// What the job is about that does it.
    pub(super) fn scope(self, filter: Filter, retention: Duration) -> Scope {
        match self {
            Self::Retry | Self::Restart | Self::Discard => Scope::letters(self, filter),
            Self::Restore => Scope::restore(filter, retention),
        }
    }

    /// What can be done to letters in this state; in a list of all states, nothing.
    pub(super) fn on(state: Option<State>) -> Vec<Self> {
        let can_be = |action: &Self| state.is_some_and(|state| action.from().contains(&state));
        Self::ALL.into_iter().filter(can_be).collect()
    }

    /// What it begins with.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Retry => "Retry",
            Self::Restart => "Restart",
            Self::Discard => "Discard",
            Self::Restore => "Restore",
        }
    }

    /// What will come of it.
    pub(super) fn meaning(self, retention: Duration) -> String {
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        match self {
            Self::Retry => {
                "Each gets one attempt more and goes on where it failed: steps that had \
                succeeded are not run again. A job does it, which begins with a few until one has \
                succeeded, and stops by itself when most fail."
                    .to_owned()
            }
            Self::Restart => {
                "Everything runs anew, also the steps that had succeeded: what they do \
                to others may be done twice. A job does it, which begins with a few until one has \
                succeeded, and stops by itself when most fail."
                    .to_owned()
            }
            Self::Discard => format!(
                "Nobody will try these events again. They can be restored for {}, and are deleted \
                 then. A job does it.",
                when::rough(retention_ms)
            ),
            Self::Restore => {
                "They become dead letters again, as they were. A job does it.".to_owned()
            }
        }
    }

    /// Whether it takes something away.
    pub(super) fn is_dangerous(self) -> bool {
        matches!(self, Self::Restart | Self::Discard)
    }
}

/// How a letter's state stands in the address of what is done to it: left out where it goes without
/// saying.
pub(super) fn state_in_address(state: Option<State>) -> &'static str {
    match state {
        Some(State::Retried) => State::Retried.as_str(),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_done_follows_from_the_state() {
        for action in Action::ALL {
            assert_eq!(Action::named(action.name()), Some(action));
        }
        assert_eq!(Action::named("explode"), None);
        let again = [Action::Retry, Action::Restart, Action::Discard];
        assert_eq!(Action::on(Some(State::Dead)), again);
        assert_eq!(Action::on(Some(State::Retried)), again);
        assert_eq!(Action::on(Some(State::Discarded)), [Action::Restore]);
        for state in [None, Some(State::Requested), Some(State::Resolved), Some(State::DiedAgain)] {
            assert!(Action::on(state).is_empty(), "{state:?}");
        }
    }
}
