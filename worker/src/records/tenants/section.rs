//! One section: a tenant, a destination or a route, and whether it is at work.

use std::str::FromStr;

use crate::records::row::from_row;
use crate::tenants::SectionKind;

/// Whether it is at work, as people have said beside what its body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SectionState {
    Active,
    /// What is for it waits.
    Paused,
    /// Of a tenant: the app is no longer installed there. What is for it waits, and then ends.
    Uninstalled,
    /// It is no longer there: what still waits for it becomes a dead letter.
    Deleted,
    /// The same, and what still waits for it ends with nothing done.
    Dropped,
}

impl SectionState {
    const ALL: [Self; 5] =
        [Self::Active, Self::Paused, Self::Uninstalled, Self::Deleted, Self::Dropped];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Uninstalled => "uninstalled",
            Self::Deleted => "deleted",
            Self::Dropped => "dropped",
        }
    }

    /// Whether there is such a section now.
    pub(crate) fn is_there(self) -> bool {
        !matches!(self, Self::Deleted | Self::Dropped)
    }
}

impl FromStr for SectionState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no state of a section"))
    }
}

impl TryFrom<String> for SectionState {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

from_row! {
    /// A section.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Section {
        pub(crate) kind: SectionKind as String,
        pub(crate) name: String,
        /// Its keys, as JSON.
        pub(crate) body: String,
        pub(crate) state: SectionState as String,
        /// Since when it has its state, and who said so.
        pub(crate) state_ms: i64,
        pub(crate) state_by: String,
        /// When its body was written last, and who did it.
        pub(crate) changed_ms: i64,
        pub(crate) changed_by: String,
    }
}

impl Section {
    /// Why it has its state, if nobody knows that by who said so: of one that is paused by its own answer.
    pub(crate) fn why(&self) -> &'static str {
        if self.has_refused() { ", as it wants nothing any more" } else { "" }
    }
}
