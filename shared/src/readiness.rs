//! Whether a program can do its work, as `/readyz` tells it. What its parts are is the program's to say.

use std::collections::BTreeMap;

use serde::Serialize;

/// Whether the program can do its work now, and what each part says.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// True when every part that matters is.
    pub ready: bool,
    /// One short state per part, e.g. `"broker": "up"`.
    pub checks: BTreeMap<&'static str, String>,
}

impl Readiness {
    /// Of two parts that both matter.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.checks.extend(other.checks);
        Self { ready: self.ready && other.ready, checks: self.checks }
    }
}
