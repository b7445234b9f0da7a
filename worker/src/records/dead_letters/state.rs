//! What can be the case with a dead letter, and how many letters each is the case with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::records::row::from_row;

/// `dead` → `requested` → `retried` → `resolved` or `died_again`, or `dead` again if the retry was
/// skipped; `dead` ↔ `discarded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for somebody.
    Dead,
    /// A job has claimed it for a retry.
    Requested,
    /// Published again.
    Retried,
    /// The retry succeeded.
    Resolved,
    /// The retry failed for good: a later letter has taken its place.
    DiedAgain,
    /// Not wanted any more; deleted after a while, and can be restored until then.
    Discarded,
}

impl State {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::Dead,
        Self::Requested,
        Self::Retried,
        Self::Resolved,
        Self::DiedAgain,
        Self::Discarded,
    ];

    /// The name in the database, filters and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Requested => "requested",
            Self::Retried => "retried",
            Self::Resolved => "resolved",
            Self::DiedAgain => "died_again",
            Self::Discarded => "discarded",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write dead, requested, retried, resolved, died_again or discarded")]
pub struct NotAState;

impl FromStr for State {
    type Err = NotAState;

    fn from_str(text: &str) -> Result<Self, NotAState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(NotAState)
    }
}

impl TryFrom<String> for State {
    type Error = NotAState;

    fn try_from(text: String) -> Result<Self, NotAState> {
        text.parse()
    }
}

from_row! {
    /// How many letters are in each state.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
    #[expect(missing_docs, reason = "named as the states are")]
    pub struct Counters {
        pub dead: i64,
        pub requested: i64,
        pub retried: i64,
        pub resolved: i64,
        pub died_again: i64,
        pub discarded: i64,
    }
}

impl Counters {
    /// Those in `state`.
    pub fn of(&mut self, state: State) -> &mut i64 {
        match state {
            State::Dead => &mut self.dead,
            State::Requested => &mut self.requested,
            State::Retried => &mut self.retried,
            State::Resolved => &mut self.resolved,
            State::DiedAgain => &mut self.died_again,
            State::Discarded => &mut self.discarded,
        }
    }
}
