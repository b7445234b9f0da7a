//! Why a filter was refused, and where. Refuses to repeat the values of a filter, which may be anybody's.

use std::fmt;

use thiserror::Error;

/// `conditions[1].conditions[0].operator: missing`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {problem}")]
pub(crate) struct FilterError {
    place: Place,
    problem: String,
}

/// A path into the filter's JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place(String);

impl Place {
    pub(crate) fn key(&self, key: &str) -> Self {
        Self(if self.0.is_empty() { key.to_owned() } else { format!("{}.{key}", self.0) })
    }

    pub(crate) fn item(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    pub(crate) fn refuse(&self, problem: impl Into<String>) -> FilterError {
        FilterError { place: self.clone(), problem: problem.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "filter" } else { &self.0 })
    }
}
