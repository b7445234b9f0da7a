//! What somebody wants done in bulk.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::origin::Origin;

use super::job::Kind;
use crate::records::dead_letters::filter::Filter;
use crate::records::dead_letters::retention;
use crate::records::dead_letters::state::State;
use crate::records::history::Question;

/// Messages a second, unless told otherwise: quick for hundreds, gentle for what has just failed.
pub const DEFAULT_RATE: u32 = 50;
/// The highest rate that can be asked for.
pub const MAX_RATE: u32 = 10_000;

/// What can be done to letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Published again, where they failed.
    Retry,
    /// Published again, from the start.
    Restart,
    /// Let go of.
    Discard,
    /// Made dead letters again.
    Restore,
}

impl Action {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Retry, Self::Restart, Self::Discard, Self::Restore];

    /// What a job of it is called.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Retry => Kind::Retry,
            Self::Restart => Kind::Restart,
            Self::Discard => Kind::Discard,
            Self::Restore => Kind::Restore,
        }
    }

    /// The states of letters that it can be done to; without more ado to those in the first.
    #[must_use]
    pub fn from(self) -> &'static [State] {
        match self {
            Self::Retry | Self::Restart | Self::Discard => &[State::Dead, State::Retried],
            Self::Restore => &[State::Discarded],
        }
    }

    /// The state that a filter's letters are in.
    pub(super) fn state(self, filter: &Filter) -> State {
        filter.state.unwrap_or(self.from()[0])
    }
}

/// To what a job does what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scope {
    /// Letters; with a filter for `retried` ones those whose retry was never heard of.
    Letters {
        /// Which.
        filter: Filter,
        /// What is done to them.
        action: Action,
        /// Only those that have been in their state since then or later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since_ms: Option<i64>,
    },
    /// Events of the log.
    Events {
        /// Which.
        question: Question,
        /// Also what is completed.
        force: bool,
    },
}

impl Scope {
    /// An action on letters that match.
    #[must_use]
    pub fn letters(action: Action, filter: Filter) -> Self {
        Self::Letters { filter, action, since_ms: None }
    }

    /// Discarded letters that match made dead ones again, unless they were discarded longer than
    /// `retention` ago: those are about to be deleted.
    #[must_use]
    pub fn restore(filter: Filter, retention: Duration) -> Self {
        let since_ms = Some(retention::limit(retention));
        Self::Letters { filter, action: Action::Restore, since_ms }
    }

    /// What a job of it is called.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Letters { action, .. } => action.kind(),
            Self::Events { force: false, .. } => Kind::Replay,
            Self::Events { force: true, .. } => Kind::ForcedReplay,
        }
    }

    /// The one origin that it is about, if it is about no other.
    pub(super) fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Letters { filter, .. } => filter.origin.as_ref(),
            Self::Events { question, .. } => question.origin.as_ref(),
        }
    }

    /// It in words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Letters { filter, .. } => filter.to_string(),
            Self::Events { question, .. } => question.to_string(),
        }
    }

    /// Refuses what makes no sense.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::Letters { filter, action, .. } => {
                let can_be = action.from().contains(&action.state(filter));
                anyhow::ensure!(
                    can_be || *action == Action::Restore,
                    "only letters that are dead, or retried without a result, can be retried or \
                     discarded: restore discarded ones first"
                );
                anyhow::ensure!(can_be, "only discarded letters can be restored");
            }
            Self::Events { question, .. } => anyhow::ensure!(
                question.since_ms.is_some(),
                "a replay needs a time from which on events are replayed"
            ),
        }
        Ok(())
    }
}

/// A job that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// To what.
    pub scope: Scope,
    /// What came later, in ms since the Unix epoch, is not touched: the time of the plan.
    pub cutoff_ms: i64,
    /// Messages a second, 0 for as fast as it goes.
    pub rate: u32,
    /// Who wants it.
    pub who: String,
}

impl Wish {
    /// The plan that was agreed to: of the same person, at the same moment, to do the same to the same.
    /// However often it is sent, it is one job.
    pub(super) fn plan(&self) -> Result<String, serde_json::Error> {
        let Self { scope, cutoff_ms, rate: _, who } = self;
        // From when on a restore may reach back moves on with each click.
        let scope = match scope.clone() {
            Scope::Letters { filter, action, since_ms: _ } => {
                Scope::Letters { filter, action, since_ms: None }
            }
            events @ Scope::Events { .. } => events,
        };
        let plan = serde_json::to_vec(&(scope.kind(), &scope, cutoff_ms, who))?;
        Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(plan)))
    }
}
