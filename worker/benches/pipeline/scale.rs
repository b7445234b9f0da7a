//! Which part is run, and how much of it.

use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything in one process.
    Embedded,
    /// Receiver and worker, as fast as they go.
    Servers,
    /// The receiver at fixed rates.
    Latency,
    /// What a message costs by what is in it.
    Messages,
    /// Events that go out to tenants' destinations.
    Tenants,
    /// Beside Node programs.
    Peers,
}

/// How much of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// What figures are taken from.
    Full,
    /// What shows within seconds that every row still runs. Its figures say nothing.
    Small,
}

impl Scale {
    pub(crate) fn rounds(self) -> usize {
        match self {
            Self::Full => 3,
            Self::Small => 1,
        }
    }

    pub(crate) fn count(self, full: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Small => full.div_ceil(100),
        }
    }

    pub(crate) fn time(self, full: Duration) -> Duration {
        match self {
            Self::Full => full,
            Self::Small => full / 20,
        }
    }
}
