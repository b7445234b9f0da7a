//! How far a run is.

/// How far a run is, as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::records) enum Stage {
    /// Its message is being published, or on its way.
    Open,
    /// It has failed, and is tried again by itself.
    Failing,
    Succeeded,
    Died,
    /// There was nothing to do.
    Skipped,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Open, Self::Failing, Self::Succeeded, Self::Died, Self::Skipped];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Failing => "failing",
            Self::Succeeded => "succeeded",
            Self::Died => "died",
            Self::Skipped => "skipped",
        }
    }
}

impl From<String> for Stage {
    fn from(text: String) -> Self {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text).unwrap_or(Self::Open)
    }
}
