//! Letters that have something in common, and how many there are.

use serde::Serialize;

use super::state::Counters;

/// What letters are grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// The problem.
    #[default]
    Fingerprint,
    /// The error's code.
    Code,
    /// The target.
    Target,
    /// The sender, and the account there.
    Origin,
}

/// Letters that have something in common. What a grouping does not know is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What they have in common: a fingerprint, a code, a target (empty for none) or an origin.
    pub key: String,
    /// The letters that are dead.
    pub dead: i64,
    /// Letters by state; not by origin.
    pub counters: Option<Counters>,
    /// How many problems they are of.
    pub problems: i64,
    /// Of how many origins letters are dead.
    pub origins: i64,
    /// Whether there are more, which were not counted.
    pub more_origins: bool,
    /// The error's code; only of a problem.
    pub code: Option<String>,
    /// The handler; only of a problem.
    #[serde(rename = "handler")]
    pub target: Option<String>,
    /// The error of a letter, the last one unless that is gone; only of a problem.
    pub sample: Option<String>,
    /// That letter.
    pub sample_id: Option<i64>,
    /// What people wrote about the problem.
    pub note: Option<String>,
    /// The version of the rule that made the fingerprint.
    pub rule: Option<i32>,
    /// When the first one died; not by origin.
    pub first_ms: Option<i64>,
    /// When the last one died.
    pub last_ms: i64,
    /// Deaths in each of the last 24 hours, the present one last; only of a problem.
    pub trend: Option<Vec<i64>>,
}

/// Some groups.
#[derive(Clone, Debug)]
pub struct Groups {
    /// They, the largest first.
    pub groups: Vec<Group>,
    /// How many there are in all.
    pub count: i64,
    /// How many letters are dead in all of them.
    pub dead: i64,
    /// Whether there may be more of both, which were not counted.
    pub more: bool,
}

impl Group {
    /// None yet.
    pub(super) fn empty() -> Self {
        Self {
            key: String::new(),
            dead: 0,
            counters: None,
            problems: 0,
            origins: 0,
            more_origins: false,
            code: None,
            target: None,
            sample: None,
            sample_id: None,
            note: None,
            rule: None,
            first_ms: None,
            last_ms: 0,
            trend: None,
        }
    }
}
