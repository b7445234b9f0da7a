//! What is in a queue and is no message of Hubline's, or none that this build can read.

use bytes::Bytes;

/// A delivery whose properties are not those of a Hubline message; its bytes are kept.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a Hubline message: {what}")]
pub struct MalformedMessage {
    /// Which property is missing or wrong.
    pub what: &'static str,
    /// Whether nothing of Hubline's is there at all, as when it was published by hand.
    pub is_foreign: bool,
    /// The body as it was.
    pub body: Bytes,
}
