//! What can be done to letters, and how it is told. Each is planned first, with a time after which
//! nothing counts any more, and done when the plan was agreed to.

use std::time::Duration;

use super::parts::count_of;
use crate::records::dead_letters::{Count, DeadLetters, Filter, State};
use crate::records::jobs::{Scope, Wish};
use crate::when;

/// What can be done to letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Retry,
    Restart,
    Discard,
    Restore,
}

impl Action {
    const ALL: [Self; 4] = [Self::Retry, Self::Restart, Self::Discard, Self::Restore];

    /// By the word of its address.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// The word in addresses.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Restart => "restart",
            Self::Discard => "discard",
            Self::Restore => "restore",
        }
    }

    /// What it is called on the command line.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Restart => "retry --from-start",
            action => action.name(),
        }
    }

    /// What the job is about that does it, if a job does.
    pub(super) fn scope(self, filter: &Filter) -> Option<Scope> {
        let filter = filter.clone();
        match self {
            Self::Retry => Some(Scope::Letters { filter, restart: false }),
            Self::Restart => Some(Scope::Letters { filter, restart: true }),
            Self::Discard | Self::Restore => None,
        }
    }

    /// What can be done to letters in this state; in a list of all states, nothing.
    pub(super) fn on(state: Option<State>) -> Vec<Self> {
        Self::ALL.into_iter().filter(|action| state == Some(action.from())).collect()
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

    /// The letters that it is for.
    pub(super) fn from(self) -> State {
        match self {
            Self::Retry | Self::Restart | Self::Discard => State::Dead,
            Self::Restore => State::Discarded,
        }
    }

    /// What will come of it.
    pub(super) fn meaning(self, retention: Duration) -> String {
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        match self {
            Self::Retry => {
                "Each gets one attempt more and goes on where it failed: steps that had \
                succeeded are not run again. A job does it, which begins with a few and stops by \
                itself when most die again."
                    .to_owned()
            }
            Self::Restart => {
                "Everything runs anew, also the steps that had succeeded: what they do \
                to others may be done twice. A job does it, which begins with a few and stops by \
                itself when most die again."
                    .to_owned()
            }
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
        matches!(self, Self::Restart | Self::Discard)
    }

    /// What was done, to so many of those that were planned.
    pub(super) fn done(self, count: i64, planned: i64) -> String {
        let letters = count_of(count, "letter", "letters");
        let what = match self {
            Self::Retry | Self::Restart => {
                return "There was nothing to retry any more.".to_owned();
            }
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
    /// How many the plan was about, if that is known.
    pub(super) planned: Option<Count>,
    /// Messages a second, for a job.
    pub(super) rate: u32,
    pub(super) who: String,
}

/// What came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// So many letters were moved.
    Moved(u64),
    /// This job does it; none if there was nothing to do.
    Job(Option<i64>),
}

impl Order {
    /// Does it, or makes the job that does it.
    pub(super) async fn carry_out(
        &self,
        letters: &DeadLetters,
        retention: Duration,
    ) -> anyhow::Result<Done> {
        let Self { action, filter, cutoff_ms, planned, rate, who } = self;
        if let Some(scope) = action.scope(filter) {
            let wish = Wish { scope, cutoff_ms: *cutoff_ms, rate: *rate, who: who.clone() };
            let job = letters.jobs().make(&wish, *planned).await?;
            return Ok(Done::Job(job.map(|job| job.id)));
        }
        let moved = if *action == Action::Restore {
            letters.restore(filter, *cutoff_ms, retention, who).await?
        } else {
            letters.discard(filter, *cutoff_ms, who).await?
        };
        Ok(Done::Moved(moved))
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
        assert_eq!(Action::named("explode"), None);
    }
}
