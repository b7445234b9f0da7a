//! Whether something is at work.

use super::section::Section;
use super::value::choice;

/// What is not told is active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Active,
    Paused,
}

impl State {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        let states = [("active", Self::Active), ("paused", Self::Paused)];
        section.optional("state", |value| choice(value, &states)).unwrap_or_default()
    }
}
