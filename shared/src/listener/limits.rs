//! What a listener grants its connections, and the bounds that are the same for all of them.

use std::time::Duration;

/// How long a connection that was told to close may still be read, so that the answer arrives: data
/// that nobody reads would make TCP throw the answer away.
pub(super) const LINGER: Duration = Duration::from_secs(1);
/// By how much a bound of ours comes after the one of actix-web, which answers politely.
pub(super) const AFTER_ACTIX: Duration = Duration::from_secs(1);

/// What a listener grants.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once. One more, and the one that has waited longest without having been of
    /// use gives way.
    pub connections: usize,
    /// Threads that serve; 0: one per core.
    pub threads: usize,
    /// From a request's first byte (or the connection's beginning) to the end of its head.
    pub head: Duration,
    /// From the end of the head to the answer's head, its body included.
    pub request: Duration,
    /// Between requests, and while an answer's reader takes nothing.
    pub idle: Duration,
    /// What stopping a listener waits for connections to close, in whole seconds.
    pub close: Duration,
}
