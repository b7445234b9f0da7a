//! Whether something is at work.

use super::section::Section;
use super::value::choice;

/// What is not told is active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Active,
    Paused,
    /// Of a tenant, in the records alone: the app is no longer installed there, since then (ms).
    Uninstalled {
        since_ms: i64,
    },
}

impl State {
    /// As people read it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Uninstalled { .. } => "uninstalled",
        }
    }

    pub(crate) fn read(section: &Section<'_>) -> Self {
        let states = [("active", Self::Active), ("paused", Self::Paused)];
        section.optional("state", |value| choice(value, &states)).unwrap_or_default()
    }
}
