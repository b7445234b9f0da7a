//! What somebody wants done in bulk.

use serde::{Deserialize, Serialize};

use super::job::Kind;
use crate::records::Question;
use crate::records::dead_letters::{Filter, State};

/// Messages a second, unless told otherwise: quick for hundreds, gentle for what has just failed.
pub const DEFAULT_RATE: u32 = 50;
/// The highest rate that can be asked for.
pub const MAX_RATE: u32 = 10_000;

/// To what a job is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scope {
    /// Dead letters; with a filter for `retried` ones those whose retry was never heard of.
    Letters {
        /// Which.
        filter: Filter,
        /// Steps that succeeded are run again too.
        restart: bool,
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
    /// What a job of it is called.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Letters { restart: false, .. } => Kind::Retry,
            Self::Letters { restart: true, .. } => Kind::Restart,
            Self::Events { force: false, .. } => Kind::Replay,
            Self::Events { force: true, .. } => Kind::ForcedReplay,
        }
    }

    /// It in words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Letters { filter, .. } => filter.to_string(),
            Self::Events { question, .. } => question.to_string(),
        }
    }

    /// Refuses what makes no sense.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::Letters { filter, .. } => {
                let can_be = matches!(filter.state, None | Some(State::Dead | State::Retried));
                anyhow::ensure!(
                    can_be,
                    "only letters that are dead, or retried without a result, can be retried: restore \
                     discarded ones first"
                );
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
