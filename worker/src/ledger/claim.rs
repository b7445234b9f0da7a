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

/// The answer to a claim. The caller must face all four.
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
}

/// What a release says of the entry's future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The run did not come to an end (no room, shutdown): the same attempt is still to come.
    Same,
    /// The run failed; this attempt's message is confirmed and older ones are void.
    Next(u32),
}
