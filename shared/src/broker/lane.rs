//! The lanes that events travel on.

/// Which queue family a message lives in. A retry comes back to the one it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Live events, sharded by origin.
    Work,
    /// Replays, backfill and bulk retries, which must not starve live events.
    Bulk,
}
