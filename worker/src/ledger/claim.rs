//! What is claimed, what a claim is answered, and how it is given back.

use std::time::Duration;

use shared::event::Identity;

use super::lease::Lease;

/// Names an entry: one event, one target, one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryKey<'a> {
    /// The event.
    pub identity: &'a Identity,
    /// The handler or route.
    pub target: &'a str,
    /// Raised by forced replays.
    pub generation: u32,
}

/// The answer to a claim. The caller must face all five.
#[derive(Debug)]
pub enum Claim {
    /// The run is the caller's until the lease ends.
    Started(Lease),
    /// Another run holds it for this long yet.
    Held(Duration),
    /// It has been done.
    Completed,
    /// A later attempt of it is already on its way.
    Stale,
    /// So much is held against it as the caller may not begin a run with: it is nobody's.
    Apart(u32),
}

/// What a release says of the entry's future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The run did not come to an end (shutdown): the same attempt is still to come.
    Same,
    /// The run was put off: the same attempt is still to come, and so much is held against it from now on.
    PutOff(u32),
    /// The run failed; this attempt's message is confirmed and older ones are void.
    Next(u32),
}

impl Release {
    /// The attempt from which on messages are live, if it says so.
    pub(super) fn lowest(self) -> Option<u32> {
        match self {
            Self::Next(attempt) => Some(attempt),
            Self::Same | Self::PutOff(_) => None,
        }
    }

    /// How much is held against the event from now on, if that changes: nothing after a run that failed.
    pub(super) fn abandoned(self) -> Option<u32> {
        match self {
            Self::Same => None,
            Self::PutOff(abandoned) => Some(abandoned),
            Self::Next(_) => Some(0),
        }
    }
}
